//! Secure by default: what is open to everybody listens to this machine alone.

use std::net::SocketAddr;

use crate::AuthMode;

/// The address is open to a network, and nobody would have to show a token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0} can be reached from other machines, and nobody would need a token; add --auth required (and \
     make the first token with `herdbook tokens create --bootstrap`), listen on 127.0.0.1, or add \
     --insecure if the network is trusted"
)]
pub struct BindRefused(SocketAddr);

/// Checks that `address` may be listened on.
pub fn check_bind(address: SocketAddr, mode: AuthMode, insecure: bool) -> Result<(), BindRefused> {
    if address.ip().is_loopback() || mode == AuthMode::Required || insecure {
        return Ok(());
    }
    Err(BindRefused(address))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_open_address_needs_tokens_or_a_word() {
        let open = "0.0.0.0:5757".parse().unwrap();
        assert!(check_bind(open, AuthMode::Local, false).is_err());
        assert!(check_bind(open, AuthMode::Local, true).is_ok());
        assert!(check_bind(open, AuthMode::Required, false).is_ok());
        assert!(check_bind("127.0.0.1:0".parse().unwrap(), AuthMode::Local, false).is_ok());
        assert!(check_bind("[::1]:0".parse().unwrap(), AuthMode::Local, false).is_ok());
    }
}
