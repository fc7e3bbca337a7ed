use std::path::Path;

use super::server;
use crate::executor::Executor;

/// Where the schemas of OpenLDAP are: in Debian, Fedora, and Homebrew on two kinds of machines.
const SCHEMA_DIRS: [&str; 4] = [
    "/etc/ldap/schema",
    "/etc/openldap/schema",
    "/opt/homebrew/etc/openldap/schema",
    "/usr/local/etc/openldap/schema",
];

/// Debian's server has no built-in databases.
const DEBIAN_MODULE: &str = "/usr/lib/ldap/back_mdb.so";

const DATABASE: &str = "\
database mdb
suffix dc=test
rootdn cn=admin,dc=test
rootpw admin
directory {dir}/data
dbnosync
maxsize 67108864
";

const ENTRIES: &str = "\
dn: dc=test
objectClass: dcObject
objectClass: organization
dc: test
o: test
";

/// An LDAP server, OpenLDAP's slapd, with the one entry `dc=test`.
///
/// | | |
/// |---|---|
/// | ready | it listens on `{port}` |
/// | clients | `ldap://127.0.0.1:{port}/dc=test`; `cn=admin,dc=test` with the password `admin` may write |
/// | files | `{dir}/slapd.conf`, `{dir}/data`, and `{dir}/entries.ldif`, the entries at the first start |
/// | schemas | core, cosine, inetorgperson, nis |
/// | off for tests | `fsync` |
/// | packages | Debian `slapd`, Homebrew `openldap` |
///
/// # Examples
///
/// ```no_run
/// # use mirakuru_core::servers;
/// const ENTRIES: &str = "
/// dn: dc=test
/// objectClass: dcObject
/// objectClass: organization
/// dc: test
/// o: test
///
/// dn: uid=jane,dc=test
/// objectClass: inetOrgPerson
/// uid: jane
/// cn: Jane Doe
/// sn: Doe
/// userPassword: secret
/// ";
/// let ldap = servers::slapd().file("{dir}/entries.ldif", ENTRIES).start()?;
/// println!("{}", ldap.render("ldap://127.0.0.1:{port}/dc=test")?);
/// # Ok::<(), mirakuru_core::Error>(())
/// ```
#[doc(alias = "ldap")]
#[doc(alias = "openldap")]
pub fn slapd() -> Executor {
    server("slapd", "slapd -d 0 -h ldap://127.0.0.1:{port} -f {dir}/slapd.conf")
        .file("{dir}/slapd.conf", configuration())
        .file("{dir}/entries.ldif", ENTRIES)
        .template("mkdir {dir}/data")
        .template("slapadd -q -f {dir}/slapd.conf -l {dir}/entries.ldif")
        .tcp("127.0.0.1:{port}")
}

fn configuration() -> String {
    let is_there = |dir: &&str| Path::new(dir).is_dir();
    let dir = SCHEMA_DIRS.into_iter().find(is_there).unwrap_or(SCHEMA_DIRS[0]);
    let include = |name| format!("include {dir}/{name}.schema\n");
    let schemas = ["core", "cosine", "inetorgperson", "nis"].map(include).concat();
    let module = match Path::new(DEBIAN_MODULE).exists() {
        true => "moduleload back_mdb\n",
        false => "",
    };
    format!("{schemas}{module}{DATABASE}")
}
