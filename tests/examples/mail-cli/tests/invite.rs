//! The command sends to a server that keeps all mail. Run the tests by `cargo test -p mail-cli`, with
//! aiosmtpd installed (`apt-get install python3-aiosmtpd` or `pip install aiosmtpd`).

use std::fs;
use std::process::{Command, Output};

use mirakuru_rstest::{Executor, Lease, Process, process_fixture, servers, with_process};
use rstest::rstest;

#[process_fixture]
fn smtp() -> Executor {
    servers::smtp()
}

fn invite(smtp: &Process, addresses: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_invite"))
        .args(addresses)
        .env("SMTP_HOST", smtp.addr().ip().to_string())
        .env("SMTP_PORT", smtp.port().to_string())
        .output()
        .unwrap()
}

/// Returns the mails to an address. The server keeps each in a file, before it confirms it.
fn mails_to(smtp: &Process, address: &str) -> Vec<String> {
    let files = fs::read_dir(smtp.dir().join("mail/new")).unwrap();
    let mails = files.map(|file| fs::read_to_string(file.unwrap().path()).unwrap());
    mails.filter(|mail| mail.contains(&format!("\nTo: {address}\n"))).collect()
}

#[rstest]
fn each_address_gets_one_mail(smtp: Lease) {
    // Other tests send to the same server at the same time.
    let [ada, bob] = ["ada", "bob"].map(|name| format!("{name}@{}.example", smtp.unique()));
    let output = invite(&smtp, &[&ada, &bob]);
    assert!(output.status.success(), "{output:?}");
    for address in [&ada, &bob] {
        let mails = mails_to(&smtp, address);
        assert_eq!(mails.len(), 1);
        assert!(mails[0].contains("Subject: You are invited\n"), "{}", mails[0]);
    }
}

#[rstest]
fn a_wrong_address_is_an_error(smtp: Lease, #[values("ada", "ada@", "")] address: &str) {
    assert!(!invite(&smtp, &[address]).status.success());
}

/// `&mut` asks for the server alone, so that it can be stopped for a while.
#[with_process(smtp)]
#[test]
fn a_server_that_is_down_is_an_error(smtp: &mut Process) {
    smtp.stop().unwrap();
    let output = invite(smtp, &["ada@example.org"]);
    assert!(!output.status.success() && output.stdout.is_empty(), "{output:?}");
    smtp.restart().unwrap();
    assert!(invite(smtp, &["ada@example.org"]).status.success());
}
