//! From names to addresses, judged before anybody connects to them.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use async_trait::async_trait;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::egress::Egress;

/// Finds the addresses of a name.
#[async_trait]
pub trait Resolver: Send + Sync {
    /// The addresses of a host name.
    ///
    /// # Errors
    ///
    /// Where there is no such name, or nobody answers.
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>>;
}

/// The resolver of the operating system, which in a pod asks the cluster's DNS.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemResolver;

#[async_trait]
impl Resolver for SystemResolver {
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        Ok(tokio::net::lookup_host((host, 0)).await?.map(|address| address.ip()).collect())
    }
}

/// Gives a connector the addresses that the policy allows, so that it connects to what was judged
/// and to nothing that a second question would bring.
pub(super) struct Judging {
    pub(super) resolver: Arc<dyn Resolver>,
    /// No policy where what is resolved comes from the controller's own settings: a proxy.
    pub(super) egress: Option<Arc<Egress>>,
}

impl Resolve for Judging {
    fn resolve(&self, name: Name) -> Resolving {
        let (resolver, egress) = (Arc::clone(&self.resolver), self.egress.clone());
        Box::pin(async move {
            let host = name.as_str();
            let found = resolver.resolve(host).await?;
            let mut refused = None;
            let mut allowed = Vec::new();
            for address in found {
                match egress.as_ref().map(|egress| egress.check_address(host, address)) {
                    Some(Err(why)) => refused = Some(why),
                    Some(Ok(())) | None => allowed.push(SocketAddr::new(address, 0)),
                }
            }
            match (allowed.is_empty(), refused) {
                (true, Some(why)) => Err(why.into()),
                (true, None) => {
                    Err(io::Error::new(io::ErrorKind::NotFound, "the name has no address").into())
                }
                (false, _) => Ok(Box::new(allowed.into_iter()) as Addrs),
            }
        })
    }
}
