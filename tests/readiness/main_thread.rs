//! A server whose main thread has ended, while others serve: `/proc/PID` shows next to nothing of it.

use mirakuru_core::Executor;
use mirakuru_tests::need;
use mirakuru_tests::starting::{LONG, StartSoon, soon};

/// Runs Python in a second thread, and ends the main thread.
fn without_main_thread(serve: &str) -> Option<Executor> {
    let serve = serve.replace('\n', "\n    ");
    let script = format!(
        "import ctypes, os, socket, sys, threading, time
def serve():
    time.sleep(0.2)
    open(os.environ['READY_MARK'], 'w').close()
    {serve}
    time.sleep(300)
threading.Thread(target=serve).start()
ctypes.CDLL(None).syscall(60 if os.uname().machine == 'x86_64' else 93, 0)"
    );
    Some(Executor::new([need("python3")?]).arg("-c").arg(script).timeout(LONG))
}

#[test]
fn its_pid_file_is_that_of_a_running_process() {
    let serve = "open(sys.argv[1], 'w').write(str(os.getpid()))";
    let Some(server) = without_main_thread(serve) else { return };
    let process = server.arg("{dir}/pid").pid_file("{dir}/pid").start_when_ready();
    assert!(process.is_running());
}

#[test]
fn its_sockets_are_found() {
    let tcp = "server = socket.create_server(('127.0.0.1', int(sys.argv[1])))";
    let udp = "server = socket.socket(type=socket.SOCK_DGRAM)
server.bind(('127.0.0.1', int(sys.argv[1])))";
    let unix = "server = socket.socket(socket.AF_UNIX)
server.bind(sys.argv[1])
server.listen()";
    let Some(server) = without_main_thread(tcp) else { return };
    let server = server.arg("{port}").tcp("127.0.0.1:{port}");
    let waits = [
        server,
        without_main_thread(tcp).unwrap().arg("0").tcp("127.0.0.1:0"),
        without_main_thread(udp).unwrap().arg("{udp}").udp("127.0.0.1:{udp}"),
        without_main_thread(unix).unwrap().arg("{dir}/socket").unix_socket("{dir}/socket"),
    ];
    for executor in waits {
        let mut process = executor.start_when_ready();
        let leak = process.leak_check().unwrap_err().to_string();
        assert!(leak.contains("import ctypes"), "its command is named: {leak}");
        soon(|| process.stop()).unwrap();
        process.leak_check().unwrap();
    }
}
