use super::server;
use crate::executor::Executor;

/// Azurite, which answers as Azure's blob, queue and table storage do.
///
/// | | |
/// |---|---|
/// | ready | all three listen |
/// | clients | `http://127.0.0.1:{port}/devstoreaccount1` for blobs, with the key of Azurite's documentation |
/// | ports | `{port}` for blobs, `{port:queue}`, `{port:table}` |
/// | files | in `{dir}`, which a restart keeps |
/// | off for tests | telemetry, checks of the version of the API |
/// | packages | `npm install -g azurite`, Homebrew `azurite` |
///
/// # Examples
///
/// ```no_run
/// # use mirakuru_core::servers;
/// let azure = servers::azurite().start()?;
/// println!("BlobEndpoint={}", azure.render("http://127.0.0.1:{port}/devstoreaccount1;")?);
/// # Ok::<(), mirakuru_core::Error>(())
/// ```
#[doc(alias = "azure")]
pub fn azurite() -> Executor {
    server(
        "azurite",
        "azurite --silent --disableTelemetry --skipApiVersionCheck --location {dir} \
         --blobHost 127.0.0.1 --blobPort {port} --queueHost 127.0.0.1 --queuePort {port:queue} \
         --tableHost 127.0.0.1 --tablePort {port:table}",
    )
    .current_dir("{dir}")
    .tcp("127.0.0.1:{port}")
    .tcp("127.0.0.1:{port:queue}")
    .tcp("127.0.0.1:{port:table}")
}
