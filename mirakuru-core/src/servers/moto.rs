use super::server;
use crate::executor::Executor;

/// moto, which answers as S3 and many other services of AWS do.
///
/// | | |
/// |---|---|
/// | ready | `/moto-api/` answers; needs the feature `http` |
/// | clients | `http://127.0.0.1:{port}` as endpoint of all services, with any access key, secret and region |
/// | packages | `pip install 'moto[server]'` |
///
/// It keeps everything in memory: a restart begins with nothing. `POST /moto-api/reset` removes
/// everything too.
///
/// # Examples
///
/// ```no_run
/// # use mirakuru_core::servers;
/// let aws = servers::moto().start()?;
/// println!("AWS_ENDPOINT_URL={}", aws.render("http://127.0.0.1:{port}")?);
/// # Ok::<(), mirakuru_core::Error>(())
/// ```
#[doc(alias = "s3")]
#[doc(alias = "aws")]
pub fn moto() -> Executor {
    server("moto", "moto_server -H 127.0.0.1 -p {port}")
        .current_dir("{dir}")
        .http("http://127.0.0.1:{port}/moto-api/")
}
