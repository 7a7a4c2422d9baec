//! Which kind of network an address belongs to, by IANA's registries of special addresses.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The later ones are more dangerous to reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Network {
    Public,
    /// Private, shared, reserved, for documentation, or this machine.
    Private,
    /// Link-local, or where a cloud tells a machine its own credentials.
    LinkLocal,
}

/// Metadata services outside the link-local range: of Alibaba, Azure and Oracle.
const METADATA_V4: [Ipv4Addr; 3] = [
    Ipv4Addr::new(100, 100, 100, 200),
    Ipv4Addr::new(168, 63, 129, 16),
    Ipv4Addr::new(192, 0, 0, 192),
];

/// The same: of AWS and Google.
const METADATA_V6: [Ipv6Addr; 2] = [
    Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254),
    Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254),
];

/// Each a first address, and how many bits of it count.
const PRIVATE_V4: [(Ipv4Addr, u32); 14] = [
    (Ipv4Addr::UNSPECIFIED, 8),
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    (Ipv4Addr::new(100, 64, 0, 0), 10),
    (Ipv4Addr::new(127, 0, 0, 0), 8),
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    (Ipv4Addr::new(192, 0, 0, 0), 24),
    (Ipv4Addr::new(192, 0, 2, 0), 24),
    (Ipv4Addr::new(192, 88, 99, 0), 24),
    (Ipv4Addr::new(192, 168, 0, 0), 16),
    (Ipv4Addr::new(198, 18, 0, 0), 15),
    (Ipv4Addr::new(198, 51, 100, 0), 24),
    (Ipv4Addr::new(203, 0, 113, 0), 24),
    (Ipv4Addr::new(224, 0, 0, 0), 4),
    (Ipv4Addr::new(240, 0, 0, 0), 4),
];

/// The only addresses of IPv6 that are public, apart from those that carry one of IPv4.
const PUBLIC_V6: (Ipv6Addr, u32) = (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);

/// What in there is not: assignments of the IETF, and documentation.
const PRIVATE_V6: [(Ipv6Addr, u32); 3] = [
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20),
];

/// A range of IPv6 whose addresses lead to one of IPv4 that they carry.
struct Carrier {
    range: (Ipv6Addr, u32),
    /// How many bits are to the right of it.
    shift: u32,
    /// What it is combined with: Teredo inverts it.
    mask: u32,
    /// What it is at least, whatever it carries.
    least: Network,
}

const CARRIERS: [Carrier; 6] = [
    // Of deprecated compatibility, :: and ::1 among them.
    carrier(Ipv6Addr::UNSPECIFIED, 96, Network::Public),
    // Mapped: sockets take these for the address of IPv4 itself.
    carrier(Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, 0, 0), 96, Network::Public),
    // Translated.
    carrier(Ipv6Addr::new(0, 0, 0, 0, 0xffff, 0, 0, 0), 96, Network::Public),
    // NAT64. Within a site it is `SITE_NAT64`.
    carrier(Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0), 96, Network::Public),
    // 6to4.
    Carrier {
        shift: 80,
        ..carrier(Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16, Network::Public)
    },
    // Teredo.
    Carrier {
        mask: u32::MAX,
        ..carrier(Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 32, Network::Private)
    },
];

/// NAT64 within a site, whose operator decides which bits carry the address of IPv4 (RFC 8215).
const SITE_NAT64: (Ipv6Addr, u32) = (Ipv6Addr::new(0x64, 0xff9b, 1, 0, 0, 0, 0, 0), 48);

pub fn network_of(address: IpAddr) -> Network {
    match address {
        IpAddr::V4(address) => of_v4(address),
        IpAddr::V6(address) => of_v6(address),
    }
}

fn of_v4(address: Ipv4Addr) -> Network {
    if address.is_link_local() || METADATA_V4.contains(&address) {
        Network::LinkLocal
    } else if PRIVATE_V4.iter().any(|range| is_in_v4(address, *range)) {
        Network::Private
    } else {
        Network::Public
    }
}

fn of_v6(address: Ipv6Addr) -> Network {
    if is_in_v6(address, SITE_NAT64) {
        let networks = carried_in_a_site(address).map(of_v4);
        return networks.into_iter().fold(Network::Private, Network::max);
    }
    if let Some(carrier) = CARRIERS.iter().find(|carrier| is_in_v6(address, carrier.range)) {
        return carrier.least.max(of_v4(carrier.carried_by(address)));
    }
    let is_public =
        is_in_v6(address, PUBLIC_V6) && !PRIVATE_V6.iter().any(|range| is_in_v6(address, *range));
    if address.is_unicast_link_local() || METADATA_V6.contains(&address) {
        Network::LinkLocal
    } else if is_public {
        Network::Public
    } else {
        Network::Private
    }
}

const fn carrier(first: Ipv6Addr, bits: u32, least: Network) -> Carrier {
    Carrier { range: (first, bits), shift: 0, mask: 0, least }
}

impl Carrier {
    #[expect(clippy::cast_possible_truncation, reason = "the 32 bits that are left are meant")]
    fn carried_by(&self, address: Ipv6Addr) -> Ipv4Addr {
        Ipv4Addr::from_bits((address.to_bits() >> self.shift) as u32 ^ self.mask)
    }
}

/// The address of IPv4 for prefixes of 48, 56, 64 and 96 bits. The bits from 64 to 71 are left out
/// (RFC 6052).
#[expect(clippy::cast_possible_truncation, reason = "the 32 bits on the right are meant")]
fn carried_in_a_site(address: Ipv6Addr) -> [Ipv4Addr; 4] {
    let all = address.to_bits();
    let without_gap = ((all >> 64) << 56) | (all & (u128::MAX >> 72));
    let forms = [without_gap >> 40, without_gap >> 32, without_gap >> 24, all];
    forms.map(|bits| Ipv4Addr::from_bits(bits as u32))
}

fn is_in_v4(address: Ipv4Addr, (first, bits): (Ipv4Addr, u32)) -> bool {
    (address.to_bits() ^ first.to_bits()).leading_zeros() >= bits
}

fn is_in_v6(address: Ipv6Addr, (first, bits): (Ipv6Addr, u32)) -> bool {
    (address.to_bits() ^ first.to_bits()).leading_zeros() >= bits
}
