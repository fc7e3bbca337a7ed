//! The server is an application in Python, `app.py`. Run the tests by `cargo test -p fastapi-app`; the
//! first run installs what `requirements.txt` names.

use std::time::Duration;

use mirakuru_rstest::{Executor, Lease, process_fixture};
use rstest::rstest;

/// Installs what the application needs, unless it is installed, and runs it.
const SERVE: &str = r#"
if [ ! -x "$VENV/bin/uvicorn" ]; then
    python3 -m venv "$VENV" && "$VENV/bin/pip" install -r requirements.txt || exit
fi
exec "$VENV/bin/uvicorn" app:app --port {port}
"#;

#[process_fixture]
fn app() -> Executor {
    Executor::shell(SERVE)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env("VENV", concat!(env!("CARGO_TARGET_TMPDIR"), "/venv"))
        .http("http://127.0.0.1:{port}/docs")
        .timeout(Duration::from_secs(300))
}

fn url(app: &Lease) -> String {
    format!("http://{}/prices/{}", app.addr(), app.unique())
}

#[rstest]
fn a_price_is_kept(app: Lease) {
    let url = url(&app);
    ureq::put(format!("{url}?cents=250")).send_empty().unwrap();
    let text = ureq::get(url).call().unwrap().body_mut().read_to_string().unwrap();
    assert_eq!(text, r#"{"cents":250}"#);
}

#[rstest]
#[case("-1", 400)]
#[case("cheap", 422)]
fn a_wrong_price_is_refused(app: Lease, #[case] cents: &str, #[case] status: u16) {
    let error = ureq::put(format!("{}?cents={cents}", url(&app))).send_empty().unwrap_err();
    assert!(matches!(error, ureq::Error::StatusCode(code) if code == status), "{error}");
}

#[rstest]
fn there_is_no_default(app: Lease) {
    let error = ureq::get(url(&app)).call().unwrap_err();
    assert!(matches!(error, ureq::Error::StatusCode(404)), "{error}");
}
