use mirakuru_rstest::{Process, with_process};

#[with_process(cmd = "server", timeout = "5")]
mod suite {
    use super::{Process, with_process};

    #[with_process(cmd = "client")]
    fn talk(server: &Process, client: &Process) {
        assert_ne!(server.port(), client.port());
    }

    #[with_process(cmd = "client")]
    fn talk_again(server: &Process, _client: &Process) {
        server.port();
    }
}

fn main() {}
