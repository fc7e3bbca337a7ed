//! Whichever port the process listens on.

use std::collections::{BTreeMap, HashSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::tcp::Tcp;
use super::{Attempt, Condition, Endpoint, Readiness};
use crate::error::{Error, Result};
use crate::resources::ports;
use crate::supervisor::Client;
use crate::syntax::address::Address;
use crate::sys;

pub(super) struct AnyPort {
    host: String,
    ips: Vec<IpAddr>,
    /// What the process is handed, and has not chosen.
    handed: Vec<SocketAddr>,
    answered: Option<SocketAddr>,
    /// Listening sockets that are not of these processes.
    others: HashSet<u64>,
    tree: Vec<i32>,
}

impl AnyPort {
    /// Any port of the host of the address.
    pub(super) fn new(address: &Address, listens: &[SocketAddr]) -> Result<Self> {
        if sys::listeners().is_none() {
            let what = "this system does not tell which port a process listens on; write `{port}`";
            return Err(Error::invalid(what));
        }
        let ips = ports::resolve(address)?.iter().map(SocketAddr::ip).collect();
        let (others, tree) = (HashSet::new(), Vec::new());
        let (host, handed) = (address.host.clone(), listens.to_vec());
        Ok(Self { host, ips, handed, answered: None, others, tree })
    }

    /// The address by which a listener is reached that is meant.
    fn reached(&self, listener: SocketAddr) -> Option<SocketAddr> {
        let reaches = |ip: &&IpAddr| match (listener.ip(), ip) {
            // One that listens on all addresses of IPv6 is reached by IPv4 too, as a rule.
            (IpAddr::V6(all), _) if all == Ipv6Addr::UNSPECIFIED => true,
            (IpAddr::V4(all), IpAddr::V4(_)) if all == Ipv4Addr::UNSPECIFIED => true,
            (one, wanted) => one == **wanted || wanted.is_unspecified(),
        };
        let ip = self.ips.iter().find(reaches)?;
        let ip = if ip.is_unspecified() { listener.ip() } else { *ip };
        Some(super::tcp::reachable(SocketAddr::new(ip, listener.port())))
    }

    /// What the process listens on. Its descriptors are looked at only if there is a listener that
    /// was not there before.
    fn candidates(&mut self, client: &Client) -> Vec<SocketAddr> {
        let listeners = sys::listeners().unwrap_or_default();
        let tree = sys::descendants_of(client.supervisor_pid());
        if tree != self.tree {
            // One that is on its way from its parent to the supervisor, as a daemon is, may have been
            // missed, and what it listens on was taken for that of others.
            self.others.clear();
        }
        let is_new = |(address, inode): &(SocketAddr, u64)| {
            !self.others.contains(inode) && !self.handed.contains(address)
        };
        let new: Vec<_> = listeners.into_iter().filter(is_new).collect();
        if new.is_empty() {
            return Vec::new();
        }
        self.tree = tree;
        let own: HashSet<u64> = self.tree.iter().copied().flat_map(sys::sockets_of).collect();
        let (ours, others): (Vec<_>, Vec<_>) =
            new.into_iter().partition(|(_, inode)| own.contains(inode));
        self.others.extend(others.into_iter().map(|(_, inode)| inode));
        ours.into_iter().filter_map(|(address, _)| self.reached(address)).collect()
    }
}

impl Condition for AnyPort {
    fn what(&self) -> String {
        format!("a TCP connection to any port of {}", self.host)
    }

    fn check(&mut self, attempt: &Attempt<'_>) -> Result<Readiness> {
        let mut last = "it does not listen on any port".to_owned();
        let candidates = match self.answered {
            Some(addr) => vec![addr],
            None => self.candidates(attempt.client),
        };
        for candidate in candidates {
            match Tcp::of(candidate).check(attempt)? {
                Readiness::Ready => {
                    self.answered = Some(candidate);
                    return Ok(Readiness::Ready);
                }
                Readiness::NotYet(why) => last = why,
            }
        }
        Ok(Readiness::NotYet(last))
    }

    fn way_out(&self) -> Option<String> {
        self.answered.is_none().then(|| {
            format!(
                "does it listen, and on {}? A process that hands its sockets to another one, which it \
                 did not start, cannot be followed",
                self.host
            )
        })
    }

    fn found(&self) -> Endpoint {
        Endpoint { addr: self.answered, url: None }
    }

    fn captured(&self) -> BTreeMap<String, String> {
        let port = self.answered.map(|addr| ("port".to_owned(), addr.port().to_string()));
        port.into_iter().collect()
    }
}
