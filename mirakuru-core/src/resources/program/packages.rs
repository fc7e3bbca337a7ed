//! Which packages have the programs that tests often start.

/// Programs, and their packages: of Debian, of Homebrew, and what else installs them.
const PACKAGES: &[(&str, [&str; 3])] = &[
    ("aiosmtpd", ["python3-aiosmtpd", "", "pip install aiosmtpd"]),
    ("azurite azurite-blob", ["", "azurite", "npm install -g azurite"]),
    ("beanstalkd", ["beanstalkd", "beanstalkd", ""]),
    ("caddy", ["caddy", "caddy", ""]),
    ("consul", ["", "hashicorp/tap/consul", ""]),
    ("dnsmasq", ["dnsmasq-base", "dnsmasq", ""]),
    ("docker", ["docker.io", "docker", ""]),
    ("etcd etcdctl", ["etcd-server etcd-client", "etcd", ""]),
    ("git", ["git", "git", ""]),
    ("gunicorn", ["gunicorn", "", "pip install gunicorn"]),
    ("haproxy", ["haproxy", "haproxy", ""]),
    ("http-server", ["", "http-server", "npm install -g http-server"]),
    ("httpd apache2", ["apache2", "httpd", ""]),
    ("java", ["default-jre-headless", "openjdk", ""]),
    ("kafka-server-start kafka-server-start.sh", ["", "kafka", ""]),
    ("lighttpd", ["lighttpd", "lighttpd", ""]),
    ("mailpit", ["", "mailpit", ""]),
    ("mariadbd mariadb mariadb-install-db mysqld_safe", ["mariadb-server", "mariadb", ""]),
    ("memcached", ["memcached", "memcached", ""]),
    ("minio", ["", "minio", ""]),
    ("mongod", ["", "mongodb/brew/mongodb-community", ""]),
    ("mosquitto mosquitto_pub mosquitto_sub", ["mosquitto mosquitto-clients", "mosquitto", ""]),
    ("moto_server", ["", "", "pip install 'moto[server]'"]),
    ("mysqld mysql", ["default-mysql-server", "mysql", ""]),
    ("nats-server", ["nats-server", "nats-server", ""]),
    ("nginx", ["nginx-light", "nginx", ""]),
    ("node npm npx", ["nodejs npm", "node", ""]),
    ("pgbouncer", ["pgbouncer", "pgbouncer", ""]),
    ("php", ["php-cli", "php", ""]),
    ("postgres initdb pg_ctl psql createdb", ["postgresql", "postgresql@17", ""]),
    ("prometheus", ["prometheus", "prometheus", ""]),
    ("python3", ["python3", "python3", ""]),
    ("rabbitmq-server rabbitmqctl", ["rabbitmq-server", "rabbitmq", ""]),
    ("redis-server redis-cli redis-sentinel", ["redis-server", "redis", ""]),
    ("slapd slapadd", ["slapd", "openldap", ""]),
    ("ldapadd ldapsearch", ["ldap-utils", "openldap", ""]),
    ("socat", ["socat", "socat", ""]),
    ("ssh ssh-keygen", ["openssh-client", "openssh", ""]),
    ("sshd", ["openssh-server", "openssh", ""]),
    ("tor", ["tor", "tor", ""]),
    ("uvicorn", ["uvicorn", "", "pip install uvicorn"]),
    ("valkey-server valkey-cli", ["valkey-server", "valkey", ""]),
    ("vault", ["", "hashicorp/tap/vault", ""]),
    ("vite", ["", "", "npm install -g vite"]),
    ("zkServer.sh zkCli.sh zkServer zkCli", ["zookeeper", "zookeeper", ""]),
];

/// Says how to install a program, if its package is known.
pub(crate) fn how_to_install(program: &str) -> Option<String> {
    let has = |(programs, _): &&(&str, _)| programs.split(' ').any(|name| name == program);
    let (_, [debian, homebrew, other]) = PACKAGES.iter().find(has)?;
    let commands = [("apt install ", debian), ("brew install ", homebrew), ("", other)];
    let commands = commands.into_iter().filter(|(_, package)| !package.is_empty());
    let commands = commands.map(|(command, package)| format!("`{command}{package}`"));
    let commands = commands.collect::<Vec<_>>().join(" or ");
    Some(match (debian.is_empty(), other.is_empty()) {
        (true, true) => {
            format!("install it as its project says, or by {commands}; Debian has no package")
        }
        _ => format!("install it: {commands}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_program_has_its_packages() {
        let redis = "install it: `apt install redis-server` or `brew install redis`";
        assert_eq!(how_to_install("redis-server").as_deref(), Some(redis));
        let moto = "install it: `pip install 'moto[server]'`";
        assert_eq!(how_to_install("moto_server").as_deref(), Some(moto));
        let mongod = "install it as its project says, or by `brew install \
                      mongodb/brew/mongodb-community`; Debian has no package";
        assert_eq!(how_to_install("mongod").as_deref(), Some(mongod));
        assert_eq!(how_to_install("redis"), None);
    }

    #[test]
    fn each_program_is_named_once_and_can_be_installed() {
        let mut programs: Vec<_> =
            PACKAGES.iter().flat_map(|(names, _)| names.split(' ')).collect();
        let count = programs.len();
        programs.sort();
        programs.dedup();
        assert_eq!(programs.len(), count);
        assert!(PACKAGES.iter().all(|(_, packages)| packages.concat() != ""));
    }
}
