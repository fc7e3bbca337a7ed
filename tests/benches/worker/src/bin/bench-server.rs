//! A server that becomes ready after the delay in its control file, and adds to that file when that was.
//! `bench-server tcp|http PORT CONTROL`, `unix|pid_file PATH CONTROL`, `banner - CONTROL`,
//! `log|fail BYTES PORT CONTROL`
//!
//! `log` prints so many bytes before it listens, `fail` before it exits with code 1. A control file `-` means
//! no delay. The first line of a control file has the delay in microseconds; the server adds a line with the
//! time of `CLOCK_MONOTONIC` in nanoseconds.

use std::env;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixListener;
use std::process;
use std::thread;
use std::time::Duration;

use bench_worker::Outcome;
use bench_worker::clock;

/// The longest life of a server, so that none is left behind for ever.
const LIFE: u32 = 300; // seconds

fn main() -> Outcome {
    nix::unistd::alarm::set(LIFE);
    let args: Vec<String> = env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let (control, args) = args.split_last().ok_or("arguments are missing")?;
    let control = Control::open(control)?;
    control.delay();
    match *args {
        ["tcp", port] => accept(listen(port, control)?),
        ["http", port] => serve(listen(port, control)?),
        ["unix", path] => {
            let _listener = UnixListener::bind(path)?;
            control.stamp()?;
            rest()
        }
        ["pid_file", path] => {
            write_pid_file(path)?;
            control.stamp()?;
            rest()
        }
        ["banner", _] => {
            println!("ready");
            control.stamp()?;
            rest()
        }
        ["log", bytes, port] => {
            print(bytes.parse()?)?;
            accept(listen(port, control)?)
        }
        ["fail", bytes, _] => {
            print(bytes.parse()?)?;
            control.stamp()?;
            process::exit(1)
        }
        _ => Err("unknown arguments".into()),
    }
}

/// The open control file.
struct Control(Option<(File, Duration)>);

impl Control {
    fn open(path: &str) -> Outcome<Self> {
        if path == "-" {
            return Ok(Self(None));
        }
        let mut file = OpenOptions::new().read(true).append(true).open(path)?;
        let mut text = String::new();
        file.read_to_string(&mut text)?;
        Ok(Self(Some((file, Duration::from_micros(text.trim().parse()?)))))
    }

    /// Takes as long as a server that has much to do before it is ready.
    fn delay(&self) {
        if let Some((_, delay)) = self.0 {
            thread::sleep(delay);
        }
    }

    fn stamp(self) -> io::Result<()> {
        let now = clock::monotonic();
        self.0.map_or(Ok(()), |(mut file, _)| file.write_all(format!("{now}\n").as_bytes()))
    }
}

fn listen(port: &str, control: Control) -> Outcome<TcpListener> {
    let listener = TcpListener::bind(("127.0.0.1", port.parse()?))?;
    control.stamp()?;
    Ok(listener)
}

fn accept(listener: TcpListener) -> Outcome {
    loop {
        listener.accept()?;
    }
}

fn serve(listener: TcpListener) -> Outcome {
    loop {
        let _ = answer(listener.accept()?.0); // The client may go at any time.
    }
}

fn answer(mut client: TcpStream) -> io::Result<()> {
    let mut request: Vec<u8> = Vec::new();
    let mut part = [0; 1024];
    while !request.windows(4).any(|it| it == b"\r\n\r\n") {
        match client.read(&mut part)? {
            0 => return Ok(()),
            count => request.extend(&part[..count]),
        }
    }
    client.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
}

/// Creates the pid file, which is never seen empty.
fn write_pid_file(path: &str) -> io::Result<()> {
    let unfinished = format!("{path}.new");
    fs::write(&unfinished, format!("{}\n", process::id()))?;
    fs::rename(unfinished, path)
}

fn print(bytes: usize) -> io::Result<()> {
    const LINE: [u8; 81] = {
        let mut line = [b'x'; 81];
        line[80] = b'\n';
        line
    };
    let block = LINE.repeat(1000);
    let mut out = io::stdout().lock();
    for at in (0..bytes).step_by(block.len()) {
        out.write_all(&block[..block.len().min(bytes - at)])?;
    }
    out.flush()
}

fn rest() -> ! {
    loop {
        thread::park();
    }
}
