//! Logins, transfer of files, and repositories.

use super::{Client, ROW, Row, servers};

servers! {
    sshd: Row {
        package: "openssh-server",
        program: "sshd",
        run: "ssh-keygen -q -N '' -t ed25519 -f {dir}/key &&
            exec /usr/sbin/sshd -D -e -f /dev/null -p {port} -h {dir}/key \
                -o ListenAddress=127.0.0.1 -o PidFile=none -o UsePAM=no",
        // As root it needs a directory of root's outside, /run/sshd.
        refuses_root: true,
        client: Client::Tcp(b"SSH-2.0-mk\r\n"),
        // Its banner, and the algorithms that it offers.
        answer: "^SSH-2.0-OpenSSH.*ssh-ed25519",
        ..ROW
    },

    dropbear: Row {
        package: "dropbear-bin",
        program: "dropbear",
        run: "dropbearkey -t ed25519 -f key >/dev/null 2>&1 &&
            exec dropbear -F -E -p 127.0.0.1:{port} -r key -P {dir}/pid",
        ready: |it| it.tcp("127.0.0.1:{port}").expect_exit(1),
        client: Client::Tcp(b"SSH-2.0-mk\r\n"),
        answer: "^SSH-2.0-dropbear.*ssh-ed25519",
        ..ROW
    },

    vsftpd: Row {
        package: "vsftpd",
        program: "vsftpd",
        run: r#"cat >conf <<.
listen=YES
background=NO
listen_address=127.0.0.1
listen_port={port}
anonymous_enable=YES
anon_root={dir}
secure_chroot_dir={dir}
xferlog_enable=NO
.
            chown 0:0 conf; exec vsftpd {dir}/conf"#,
        client: Client::Tcp(b"NOOP\r\n"),
        answer: "^220 .*\r\n530 ",
        ..ROW
    },

    rsync: Row {
        package: "rsync",
        program: "rsync",
        run: "printf 'use chroot = no\nlog file = /dev/stderr\n[files]\npath = {dir}\n' >conf
            exec rsync --daemon --no-detach --address=127.0.0.1 --port={port} --config=conf",
        // The modules that it has.
        client: Client::Tcp(b"@RSYNCD: 31.0 md5\n\n"),
        answer: "^@RSYNCD: .*\nfiles ",
        ..ROW
    },

    git: Row {
        package: "git",
        program: "git",
        run: "git init --quiet --bare repository &&
            exec git daemon --reuseaddr --listen=127.0.0.1 --port={port} --export-all \
                --base-path={dir} {dir}",
        // The references of an empty repository.
        client: Client::Tcp(b"0027git-upload-pack /repository\0host=x\0"),
        answer: "^0000$|capabilities",
        ..ROW
    },

    svnserve: Row {
        package: "subversion",
        program: "svnserve",
        run: "exec svnserve --daemon --foreground --listen-host=127.0.0.1 --listen-port={port} \
              --root={dir}",
        answer: r"^\( success \( 2 2 ",
        ..ROW
    },
}
