use mirakuru_rstest::{Executor, Owner, Process, with_process};

fn redis_7() -> Executor {
    Executor::new("docker run --rm --publish 127.0.0.1:{port}:6379 redis:7")
        .output("Ready to accept connections")
        .tcp("127.0.0.1:{port}")
        .owner(Owner::Any) // Docker's processes listen there.
}

#[with_process(redis_7)]
#[test]
#[ignore = "needs the Docker daemon"]
fn runs_in_a_container(server: &Process) {
    println!("redis://{}/", server.addr());
}
