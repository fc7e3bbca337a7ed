//! The application of the recipes: an HTTP server at `$PORT` that counts its visitors in the Redis at
//! `$REDIS_URL`.

use std::error::Error;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};

use redis::{Client, Commands};

fn main() -> Result<(), Box<dyn Error>> {
    let port: u16 = std::env::var("PORT")?.parse()?;
    let redis = redis::Client::open(std::env::var("REDIS_URL")?)?;
    redis.get_connection()?; // Without Redis, it does not start.
    for client in TcpListener::bind(("127.0.0.1", port))?.incoming() {
        if let Err(error) = answer(client?, &redis) {
            eprintln!("{error}");
        }
    }
    Ok(())
}

fn answer(mut client: TcpStream, redis: &Client) -> Result<(), Box<dyn Error>> {
    let mut lines = BufReader::new(&client).lines();
    let request = lines.next().unwrap_or(Ok(String::new()))?;
    while lines.next().transpose()?.is_some_and(|header| !header.is_empty()) {}
    let body = match request.split(' ').nth(1) {
        Some("/health") => "ok".to_owned(),
        _ => redis.get_connection()?.incr::<_, _, u64>("visitors", 1)?.to_string(),
    };
    write!(client, "HTTP/1.0 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len())?;
    Ok(())
}
