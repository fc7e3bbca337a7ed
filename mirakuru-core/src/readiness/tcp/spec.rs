//! What an executor says about a TCP port.

use std::net::SocketAddr;

use super::any_port::AnyPort;
use super::fixed_port::FixedPort;
use crate::error::{Error, Result};
use crate::readiness::attempt::Attempt;
use crate::readiness::condition::{
    Condition, ConditionSpec, Conflict, Explanation, Requirements, StartContext,
};
use crate::readiness::identity::Identity;
use crate::readiness::settle::Certainty;
use crate::syntax::address::{Address, Port};
use crate::syntax::template;

/// The address, `host:port`, with placeholders. Port 0 stands for any port.
#[derive(Debug)]
pub(crate) struct TcpSpec(pub(crate) String);

impl ConditionSpec for TcpSpec {
    fn key(&self) -> &'static str {
        "tcp"
    }

    fn templates(&self) -> Vec<&str> {
        vec![&self.0]
    }

    fn captures(&self) -> Vec<String> {
        let address = Address::parse(&self.0).ok();
        let any_port = address.filter(|address| address.port == Port::Any);
        any_port.map(|_| "port".to_owned()).into_iter().collect()
    }

    fn requirements(&self) -> Requirements {
        Requirements::by_network()
    }

    fn identify(&self, identity: &mut Identity) -> Result<()> {
        identity.add(&self.0);
        Ok(())
    }

    fn build(&self, context: &StartContext<'_>) -> Result<Box<dyn Condition>> {
        template::check_tcp(&self.0).map_err(Error::invalid)?;
        let address = context.values.render(&self.0)?;
        let address = context.located(Address::parse(&address).map_err(Error::invalid)?);
        Ok(match TcpPort::new(&address, context, Certainty::Stays)? {
            TcpPort::Fixed(port) => Box::new(port),
            TcpPort::Any(port) => port,
        })
    }
}

/// A port of a host where the process is expected to listen.
pub(in crate::readiness) enum TcpPort {
    Fixed(FixedPort),
    Any(Box<AnyPort>),
}

impl TcpPort {
    /// The port to which requests are sent.
    pub(in crate::readiness) fn for_requests(
        address: &Address,
        context: &StartContext<'_>,
    ) -> Result<Self> {
        Self::new(address, context, Certainty::Owned)
    }

    fn new(address: &Address, context: &StartContext<'_>, certainty: Certainty) -> Result<Self> {
        Ok(match address.port {
            Port::Any => Self::Any(Box::new(AnyPort::new(address, context, certainty)?)),
            _ => Self::Fixed(FixedPort::at(address, context, certainty)?),
        })
    }

    /// Returns true if the process chooses the port.
    pub(in crate::readiness) fn is_any(&self) -> bool {
        matches!(self, Self::Any(_))
    }

    /// Returns all addresses at which the process listens, or what was seen instead.
    pub(in crate::readiness) fn reached(
        &mut self,
        attempt: &Attempt<'_>,
    ) -> Result<Result<Vec<SocketAddr>, String>> {
        match self {
            Self::Fixed(port) => port.reached(attempt),
            Self::Any(port) => port.reached(attempt),
        }
    }

    pub(in crate::readiness) fn precheck(&mut self) -> Option<Conflict> {
        match self {
            Self::Fixed(port) => port.precheck(),
            Self::Any(port) => port.precheck(),
        }
    }

    pub(in crate::readiness) fn explain(&self) -> Explanation {
        match self {
            Self::Fixed(port) => port.explain(),
            Self::Any(port) => port.explain(),
        }
    }

    pub(in crate::readiness) fn hint(&self) -> Option<String> {
        match self {
            Self::Fixed(port) => port.hint(),
            Self::Any(port) => port.hint(),
        }
    }
}
