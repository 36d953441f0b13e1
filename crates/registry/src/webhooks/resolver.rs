//! Names of receivers: resolved once, every address checked, and dialled by just those.

use std::{future::Future, io, net::SocketAddr, pin::Pin, sync::Arc, time::Duration};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::{Addresses, address::BadTarget};

/// How long a name may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Addresses of a name.
type Found = Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send>>;

/// Resolves names to addresses that may be posted to.
#[derive(Clone)]
pub(crate) struct Resolver {
    addresses: Addresses,
    lookup: Arc<dyn Fn(String) -> Found + Send + Sync>,
}

impl Resolver {
    /// By the resolver of the system.
    pub(crate) fn system(addresses: Addresses) -> Self {
        Self::new(addresses, |name| {
            Box::pin(async move { Ok(tokio::net::lookup_host((name, 0)).await?.collect()) })
        })
    }

    fn new(addresses: Addresses, lookup: impl Fn(String) -> Found + Send + Sync + 'static) -> Self {
        Self {
            addresses,
            lookup: Arc::new(lookup),
        }
    }

    /// The addresses of `name`. One that is refused among them refuses all.
    pub(crate) async fn addresses(&self, name: String) -> Result<Vec<SocketAddr>, BadTarget> {
        let found = tokio::time::timeout(PATIENCE, (self.lookup)(name)).await;
        let found = found.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
        if found.is_empty() {
            return Err(io::Error::from(io::ErrorKind::NotFound).into());
        }
        for address in &found {
            self.addresses.check(address.ip())?;
        }
        Ok(found)
    }
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let resolver = self.clone();
        Box::pin(async move {
            let found = resolver.addresses(name.as_str().to_owned()).await?;
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn answering(answers: &'static [&'static [&'static str]]) -> Resolver {
        let asked = AtomicUsize::new(0);
        Resolver::new(Addresses::default(), move |_| {
            let answer = answers[asked.fetch_add(1, Ordering::Relaxed)];
            Box::pin(async move {
                let address = |ip: &&str| SocketAddr::new(ip.parse().unwrap(), 0);
                Ok(answer.iter().map(address).collect())
            })
        })
    }

    #[tokio::test]
    async fn a_name_that_comes_to_lead_elsewhere_is_refused_then() {
        let resolver = answering(&[&["1.1.1.1"], &["127.0.0.1"]]);
        let first = resolver.addresses("rebinding.example".to_owned()).await;
        assert_eq!(first.unwrap(), ["1.1.1.1:0".parse().unwrap()]);
        let second = resolver.resolve("rebinding.example".parse().unwrap()).await;
        let refused = second.map(|_| ()).unwrap_err();
        assert!(refused.to_string().contains("loopback"), "{refused}");
    }

    #[tokio::test]
    async fn one_refused_address_among_many_refuses_all() {
        let resolver = answering(&[&["1.1.1.1", "::ffff:10.0.0.1"]]);
        let found = resolver.addresses("both.example".to_owned()).await;
        assert!(matches!(found, Err(BadTarget::Refused(_))), "{found:?}");
    }

    #[tokio::test]
    async fn a_name_without_an_address_is_told_so() {
        let found = answering(&[&[]]).addresses("none.example".to_owned()).await;
        assert!(matches!(found, Err(BadTarget::Unknown(_))), "{found:?}");
    }
}
