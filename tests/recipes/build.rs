//! Leaves out the recipes whose servers are not installed. Their code is that of the guide, so it cannot
//! skip itself.

use std::env;
use std::path::PathBuf;

const SERVERS: [(&str, &str); 4] = [
    ("has_nginx", "nginx"),
    ("has_openssl", "openssl"),
    ("has_postgres", "psql"),
    ("has_redis", "redis-server"),
];

fn main() {
    let path = env::var_os("PATH").unwrap_or_default();
    let directories: Vec<PathBuf> = env::split_paths(&path).chain(["/usr/sbin".into()]).collect();
    println!("cargo::rerun-if-env-changed=PATH");
    for (cfg, program) in SERVERS {
        println!("cargo::rustc-check-cfg=cfg({cfg})");
        match directories.iter().map(|directory| directory.join(program)).find(|it| it.exists()) {
            Some(found) => {
                println!("cargo::rerun-if-changed={}", found.display());
                println!("cargo::rustc-cfg={cfg}");
            }
            None => {
                println!("cargo::rerun-if-changed=/usr/bin/{program}"); // Looks again each time.
                println!(
                    "cargo::warning=skipped: the recipes for which {program} is not installed"
                );
            }
        }
    }
}
