//! Replies `+PONG` to whatever comes, and `-LOADING` before it is ready.
//! `mk-replies tcp|udp PORT [--host HOST] [--warm MS] [--greet] [--share]`
//!
//! Without `--warm`, it binds when it is ready. With it, it binds at once, and is ready after that time.
//! With `--greet`, it sends its reply to each TCP client at once. With `--share`, others may bind the
//! UDP port as well.

use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use mirakuru_tests::program::{self, bind_beside_others, fail, say};

static IS_READY: AtomicBool = AtomicBool::new(false);

fn main() -> io::Result<()> {
    let mut args = program::begin();
    let host: IpAddr = args.value("--host").unwrap_or([127, 0, 0, 1].into());
    let warm: Option<u64> = args.value("--warm");
    let (greets, shares) = (args.flag("--greet"), args.flag("--share"));
    let protocol: String = args.positional("tcp|udp");
    let address = SocketAddr::new(host, args.positional("PORT"));
    args.end();

    program::exit_on_term(|| ());
    match warm {
        None => become_ready(None)?,
        Some(_) => drop(thread::spawn(move || become_ready(warm))),
    }
    match protocol.as_str() {
        "tcp" => serve_tcp(&TcpListener::bind(address)?, greets),
        "udp" if shares => serve_udp(&bind_beside_others(address.port())?),
        "udp" => serve_udp(&UdpSocket::bind(address)?),
        other => fail(format_args!("unknown protocol {other}")),
    }
}

fn become_ready(delay: Option<u64>) -> io::Result<()> {
    program::become_ready(delay)?;
    IS_READY.store(true, Ordering::SeqCst);
    Ok(())
}

fn reply() -> &'static [u8] {
    if IS_READY.load(Ordering::SeqCst) { b"+PONG\r\n" } else { b"-LOADING\r\n" }
}

fn serve_tcp(listener: &TcpListener, greets: bool) -> io::Result<()> {
    say(format_args!("listening on {}", listener.local_addr()?))?;
    loop {
        let (stream, _) = listener.accept()?;
        thread::spawn(move || talk(stream, greets));
    }
}

fn talk(mut stream: TcpStream, greets: bool) -> io::Result<()> {
    if greets {
        stream.write_all(reply())?;
    }
    while stream.read(&mut [0; 512])? > 0 {
        stream.write_all(reply())?;
    }
    Ok(())
}

fn serve_udp(socket: &UdpSocket) -> io::Result<()> {
    say(format_args!("bound to {}", socket.local_addr()?))?;
    loop {
        let (_, sender) = socket.recv_from(&mut [0; 512])?;
        let _ = socket.send_to(reply(), sender); // The sender may have gone.
    }
}
