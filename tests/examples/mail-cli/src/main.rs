//! `invite ADDRESS…` sends an invitation to each address, through the mail server of `SMTP_HOST` and
//! `SMTP_PORT`.

use std::env;
use std::error::Error;

use lettre::{Message, SmtpTransport, Transport};

fn main() -> Result<(), Box<dyn Error>> {
    // The server that takes mail from this machine needs no encryption.
    let server = SmtpTransport::builder_dangerous(env::var("SMTP_HOST")?)
        .port(env::var("SMTP_PORT")?.parse()?)
        .build();
    for address in env::args().skip(1) {
        let mail = Message::builder()
            .from("office@example.org".parse()?)
            .to(address.parse()?)
            .subject("You are invited")
            .body("The party begins at eight.\n".to_owned())?;
        server.send(&mail)?;
        println!("invited {address}");
    }
    Ok(())
}
