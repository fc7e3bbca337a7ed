//! A test that hangs until its runner kills it. `.ci/run` has nextest do that.

use mirakuru_tests::scratch_dir;

use crate::shape;

#[test]
fn until_the_runner_gives_up() {
    if std::env::var("NEXTEST_PROFILE").as_deref() != Ok("times-out") {
        return;
    }
    let temp = scratch_dir();
    let _servers: Vec<_> =
        shape::SHAPES.iter().map(|shape| shape::start(shape, "hangs", &temp.join("pid"))).collect();
    loop {
        std::thread::park();
    }
}
