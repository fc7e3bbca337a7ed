//! When a process counts as started: every condition, alone and together with others.

#![allow(clippy::unwrap_used, reason = "a helper that cannot go on fails its test")]
#![cfg_attr(
    mirakuru_fallback,
    allow(unused_imports, dead_code, reason = "tests that need Linux are left out there")
)]

mod any_port;
mod captures;
mod fail_on;
mod http;
mod http_answers;
mod http_unix;
mod listen;
mod main_thread;
mod notify;
mod notify_senders;
mod output;
mod pid_file;
mod probes;
mod ready_command;
mod ready_fd;
mod reply;
mod strangers;
mod tcp;
mod udp;
mod unix_socket;
mod waiting;
