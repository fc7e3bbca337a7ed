//! Whichever port the process listens on.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::fixed_port::FixedPort;
use super::listener;
use crate::error::{Error, ErrorKind, Result};
use crate::readiness::attempt::Attempt;
use crate::readiness::condition::{Condition, Explanation, Found, Poll, StartContext};
use crate::readiness::settle::Certainty;
use crate::resources::ports;
use crate::supervisor::Client;
use crate::syntax::address::Address;
use crate::sys;
use crate::types::Owner;

pub(in crate::readiness) struct AnyPort {
    host: String,
    ips: Vec<IpAddr>,
    /// The sockets that the process inherits, so has not chosen itself.
    inherited: Vec<SocketAddr>,
    /// The ports that the executor names, so that the process has not chosen them either.
    named: Vec<u16>,
    certainty: Certainty,
    connects: bool,
    /// The port that was found, until the process does not listen on it any more.
    accepted: Option<(SocketAddr, FixedPort)>,
    /// Listening sockets of processes that are not in the tree.
    others: HashSet<u64>,
    /// The processes below the supervisor when `others` was filled.
    tree: Vec<i32>,
}

impl AnyPort {
    /// Any port of the host of the address. Fails on systems that do not list listening sockets.
    pub(super) fn new(
        address: &Address,
        context: &StartContext<'_>,
        certainty: Certainty,
    ) -> Result<Self> {
        if sys::listeners().is_none() {
            let what =
                "this system does not list the ports that a process listens on; write `{port}`";
            return Err(Error::invalid(what));
        }
        if context.owner == Owner::Any {
            let what = format!(
                "`{address}` means a port of this process, but by `owner` it may be one of any process"
            );
            return Err(Error::invalid(what).with_help(
                "give the other process its port, by {port} or {port:name}, or capture the port from a \
                 line of `output`",
            ));
        }
        let ips = ports::resolve(address)?.iter().map(SocketAddr::ip).collect();
        let (others, tree) = (HashSet::new(), Vec::new());
        Ok(Self {
            host: address.host.clone(),
            ips,
            inherited: context.listens.to_vec(),
            named: context.named_ports.clone(),
            certainty,
            connects: context.connects,
            accepted: None,
            others,
            tree,
        })
    }

    /// Returns the address by which a listener is reached, if it is at the wanted host.
    fn reached_by(&self, bound: SocketAddr) -> Option<SocketAddr> {
        let reaches = |ip: &&IpAddr| match (bound.ip(), ip) {
            // A listener on all addresses of IPv6 is usually reached by IPv4, too.
            (IpAddr::V6(all), _) if all == Ipv6Addr::UNSPECIFIED => true,
            (IpAddr::V4(all), IpAddr::V4(_)) if all == Ipv4Addr::UNSPECIFIED => true,
            (one, wanted) => one == **wanted || wanted.is_unspecified(),
        };
        let ip = self.ips.iter().find(reaches)?;
        let ip = if ip.is_unspecified() { bound.ip() } else { *ip };
        Some(listener::reachable(SocketAddr::new(ip, bound.port())))
    }

    /// Returns the addresses that the process listens on. Its descriptors are searched only if there is
    /// a listener that was not there before.
    fn candidates(&mut self, client: &Client) -> Vec<SocketAddr> {
        let listeners = sys::listeners().unwrap_or_default();
        let tree = sys::descendants_of(client.supervisor_pid());
        if tree != self.tree {
            // A daemon that was just being re-parented to the supervisor may have been missed, and its
            // listeners taken for those of others.
            self.others.clear();
        }
        let is_new = |(address, inode): &(SocketAddr, u64)| {
            !self.others.contains(inode) && !self.inherited.contains(address)
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
        let own = ours.into_iter().map(|(address, _)| address);
        let chosen = own.filter(|address| !self.named.contains(&address.port()));
        let mut reached: Vec<_> = chosen.filter_map(|address| self.reached_by(address)).collect();
        // A server often listens on a port in both families.
        reached.sort_by_key(|address| (address.port(), self.rank(address.ip())));
        reached.dedup_by_key(|address| address.port());
        reached
    }

    /// Returns the place of an address among those of the host.
    fn rank(&self, ip: IpAddr) -> usize {
        self.ips.iter().position(|wanted| *wanted == ip).unwrap_or(usize::MAX)
    }

    /// Returns the addresses at which the process listens, or what was seen instead.
    pub(super) fn reached(
        &mut self,
        attempt: &Attempt<'_>,
    ) -> Result<Result<Vec<SocketAddr>, String>> {
        let found = self.look(attempt)?;
        Ok(found.map(|found| found.into_iter().map(|(address, _)| address).collect()))
    }

    /// Looks for ports that the process listens on.
    fn look(
        &mut self,
        attempt: &Attempt<'_>,
    ) -> Result<Result<Vec<(SocketAddr, FixedPort)>, String>> {
        let (mut found, mut last) = (Vec::new(), "it does not listen on any port".to_owned());
        for address in self.candidates(attempt.client) {
            let mut port = FixedPort::of_listener(address, self.connects, self.certainty);
            match port.poll(attempt)? {
                Poll::Ready(_) => found.push((address, port)),
                Poll::Pending { seen, .. } => last = seen,
            }
        }
        Ok(if found.is_empty() { Err(last) } else { Ok(found) })
    }
}

impl Condition for AnyPort {
    fn describe(&self) -> String {
        format!("a TCP connection to any port of {}", self.host)
    }

    fn poll(&mut self, attempt: &Attempt<'_>) -> Result<Poll> {
        if let Some((address, mut port)) = self.accepted.take() {
            if let Poll::Ready(_) = port.poll(attempt)? {
                self.accepted = Some((address, port));
                return Ok(Poll::Ready(Found::at_chosen(address)));
            }
        }
        let mut found = match self.look(attempt)? {
            Ok(found) => found,
            Err(seen) => return Ok(Poll::pending(seen)),
        };
        if found.len() > 1 {
            return Err(ambiguous(found.into_iter().map(|(address, _)| address)));
        }
        let address = found[0].0;
        self.accepted = found.pop();
        Ok(Poll::Ready(Found::at_chosen(address)))
    }

    fn explain(&self) -> Explanation {
        let help = self.accepted.is_none().then(|| {
            format!(
                "does it listen, and on {}? A process that passes its sockets to another one, which it \
                 did not start, cannot be followed",
                self.host
            )
        });
        Explanation { seen: None, help }
    }
}

/// Returns the error for a process that has chosen several ports.
fn ambiguous(found: impl Iterator<Item = SocketAddr>) -> Error {
    let found: Vec<_> = found.map(|address| address.to_string()).collect();
    let what = format!("it listens on several ports: {}", found.join(", "));
    Error::new(ErrorKind::InvalidInput, what).with_help(
        "`:0` means the one port that the process has chosen. Give it the others by `{port:name}`, \
         capture the port from a line of `output`, or wait for `http`, which asks at each",
    )
}
