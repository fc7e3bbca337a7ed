//! Users that other processes run as.

use std::ffi::OsString;
use std::io;
use std::path::Path;

use nix::errno::Errno;
use nix::libc;
use nix::unistd::{Gid, Uid, User, chown};

/// What a process needs to run as a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) user: u32,
    pub(crate) group: u32,
    /// All groups of the user.
    pub(crate) groups: Vec<u32>,
}

/// An entry of the system's list of users.
pub(crate) struct AccountEntry {
    pub(crate) account: Account,
    pub(crate) home: OsString,
}

impl Account {
    /// Finds a user by name.
    pub(crate) fn find(name: &str) -> io::Result<Option<AccountEntry>> {
        let Some(user) = User::from_name(name)? else { return Ok(None) };
        let (id, group) = (user.uid.as_raw(), user.gid.as_raw());
        let account = Self { user: id, group, groups: groups_of(&user)? };
        Ok(Some(AccountEntry { account, home: user.dir.into_os_string() }))
    }

    /// Makes this process one of the user. Only root can.
    pub(super) fn assume(&self) -> io::Result<()> {
        set_groups(&self.groups)?;
        // Root's own ids are lost last.
        nix::unistd::setgid(Gid::from_raw(self.group))?;
        nix::unistd::setuid(Uid::from_raw(self.user))?;
        Ok(())
    }

    /// Calls `act` with the permissions of the user. No other thread may run meanwhile.
    pub(crate) fn act_as<T>(&self, act: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        let (user, group) = (nix::unistd::geteuid(), nix::unistd::getegid());
        nix::unistd::setegid(Gid::from_raw(self.group))?;
        nix::unistd::seteuid(Uid::from_raw(self.user))?;
        let result = act();
        nix::unistd::seteuid(user)?;
        nix::unistd::setegid(group)?;
        result
    }

    /// Gives the user a file.
    pub(crate) fn own(&self, path: &Path) -> io::Result<()> {
        Ok(chown(path, Some(Uid::from_raw(self.user)), Some(Gid::from_raw(self.group)))?)
    }
}

#[cfg(not(any(target_vendor = "apple", target_os = "illumos", target_os = "solaris")))]
fn groups_of(user: &User) -> io::Result<Vec<u32>> {
    let name = std::ffi::CString::new(user.name.as_str())?;
    let groups = nix::unistd::getgrouplist(&name, user.gid)?;
    Ok(groups.into_iter().map(Gid::as_raw).collect())
}

/// Apple's kernel asks a directory service for the others. On illumos, `nix` does not list them.
#[cfg(any(target_vendor = "apple", target_os = "illumos", target_os = "solaris"))]
fn groups_of(user: &User) -> io::Result<Vec<u32>> {
    Ok(vec![user.gid.as_raw()])
}

fn set_groups(groups: &[u32]) -> io::Result<()> {
    // SAFETY: the pointer and the length are those of one slice.
    Errno::result(unsafe { libc::setgroups(groups.len() as _, groups.as_ptr()) })?;
    Ok(())
}
