use mirakuru_rstest::{Process, with_process};

#[with_process(REDIS)]
#[with_process(REDIS)]
fn answers(reader: &Process, writer: &mut Process) {
    assert_eq!(reader.port(), writer.port());
}

fn main() {}
