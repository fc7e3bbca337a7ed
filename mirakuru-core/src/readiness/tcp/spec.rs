//! What an executor says about a TCP port.

use super::any_port::AnyPort;
use super::fixed_port::FixedPort;
use crate::error::{Error, Result};
use crate::readiness::condition::{Condition, ConditionSpec, StartContext};
use crate::readiness::identity::Identity;
use crate::readiness::settle::Certainty;
use crate::syntax::address::{Address, Port};
use crate::syntax::template;

/// The address, `host:port`, with placeholders. Port 0 stands for any port.
#[derive(Debug)]
pub(crate) struct TcpSpec(pub(crate) String);

impl ConditionSpec for TcpSpec {
    fn templates(&self) -> Vec<&str> {
        vec![&self.0]
    }

    fn captures(&self) -> Vec<String> {
        let address = Address::parse(&self.0).ok();
        let any_port = address.filter(|address| address.port == Port::Any);
        any_port.map(|_| "port".to_owned()).into_iter().collect()
    }

    fn identify(&self, identity: &mut Identity) -> Result<()> {
        identity.add(("tcp", &self.0));
        Ok(())
    }

    fn build(&self, context: &StartContext<'_>) -> Result<Box<dyn Condition>> {
        template::check_tcp(&self.0).map_err(Error::invalid)?;
        let address = context.values.render(&self.0)?;
        let address = Address::parse(&address).map_err(Error::invalid)?;
        connection_to(&address, context, Certainty::Stays)
    }
}

/// Returns the condition for a port that accepts connections.
pub(in crate::readiness) fn connection_to(
    address: &Address,
    context: &StartContext<'_>,
    certainty: Certainty,
) -> Result<Box<dyn Condition>> {
    Ok(match address.port {
        Port::Any => Box::new(AnyPort::new(address, context, certainty)?),
        _ => Box::new(FixedPort::at(address, context, certainty)?),
    })
}
