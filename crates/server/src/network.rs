//! The network of an address: what one client can choose freely counts as one.

use std::net::{IpAddr, Ipv6Addr};

/// The bits of an IPv6 address that its owner cannot choose: providers assign at least 64 bits of host part to each customer.
const PREFIX: u32 = 64;

/// An IPv4 address itself; of an IPv6 address the /64. An IPv4 address in IPv6 form (`::ffff:192.0.2.1`) is the IPv4 address.
pub(crate) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << (128 - PREFIX)))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_one_client_can_choose_are_one_network() {
        let of = |text: &str| network(text.parse().expect("an address")).to_string();
        assert_eq!((of("192.0.2.1"), of("::ffff:192.0.2.1")), ("192.0.2.1".into(), "192.0.2.1".into()));
        assert_eq!((of("2001:db8:1:2:3::4"), of("2001:db8:1:2::5")), ("2001:db8:1:2::".into(), "2001:db8:1:2::".into()));
        assert_ne!(of("2001:db8:1:2::5"), of("2001:db8:1:3::5"));
    }
}
