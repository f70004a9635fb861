//! Address prefixes and the longest one that holds an address.
//!
//! Owns one sorted list per address family. Two prefixes are nested or apart, never crossing: so the last one that starts at or
//! before an address is the longest that holds it, or lies inside that one. Each prefix knows the next larger one around it; from
//! the one found the way outward meets every prefix that holds the address, longest first. A look-up is one binary search and at
//! most as many steps outward as an address has bits. 13 bytes per IPv4 prefix, 25 per IPv6 prefix.

use ipnet::IpNet;
use std::net::IpAddr;

/// No prefix around this one.
const OUTERMOST: u32 = u32::MAX;

/// An address as a number.
pub(super) trait Address: Copy + Ord {
    /// Whether this address and `start` agree in the first `length` bits.
    fn is_inside(self, start: Self, length: u8) -> bool;
}

impl Address for u32 {
    fn is_inside(self, start: u32, length: u8) -> bool {
        // A shift by all bits: nothing is left to differ.
        (self ^ start).checked_shr(32 - u32::from(length)).unwrap_or(0) == 0
    }
}

impl Address for u128 {
    fn is_inside(self, start: u128, length: u8) -> bool {
        (self ^ start).checked_shr(128 - u32::from(length)).unwrap_or(0) == 0
    }
}

/// The prefixes of one family.
#[derive(Debug)]
struct Family<A> {
    starts: Vec<A>,
    lengths: Vec<u8>,
    around: Vec<u32>,
    /// Where the values of each prefix begin; one more at the end.
    values: Vec<u32>,
}

impl<A: Address> Family<A> {
    /// Takes rows apart. The values come out in the order of the prefixes.
    fn new<T>(mut rows: Vec<(A, u8, T)>, out: &mut Vec<T>) -> Self {
        rows.sort_by_key(|(start, length, _)| (*start, *length));
        let mut family = Family { starts: Vec::new(), lengths: Vec::new(), around: Vec::new(), values: Vec::new() };
        let mut open: Vec<u32> = Vec::new();
        for (start, length, value) in rows {
            if family.starts.last() != Some(&start) || family.lengths.last() != Some(&length) {
                while open.last().is_some_and(|outer| !start.is_inside(family.starts[*outer as usize], family.lengths[*outer as usize])) {
                    open.pop();
                }
                family.around.push(open.last().copied().unwrap_or(OUTERMOST));
                open.push(family.starts.len() as u32);
                family.starts.push(start);
                family.lengths.push(length);
                family.values.push(out.len() as u32);
            }
            out.push(value);
        }
        family.values.push(out.len() as u32);
        for list in [&mut family.around, &mut family.values] {
            list.shrink_to_fit();
        }
        family.starts.shrink_to_fit();
        family.lengths.shrink_to_fit();
        family
    }

    /// The prefixes that hold an address, longest first.
    fn holding(&self, ip: A) -> impl Iterator<Item = usize> {
        let mut next = self.starts.partition_point(|start| *start <= ip).checked_sub(1);
        std::iter::from_fn(move || {
            while let Some(at) = next {
                next = (self.around[at] != OUTERMOST).then(|| self.around[at] as usize);
                if ip.is_inside(self.starts[at], self.lengths[at]) {
                    return Some(at);
                }
            }
            None
        })
    }

    fn bytes(&self) -> usize {
        self.starts.capacity() * size_of::<A>() + self.lengths.capacity() + 4 * (self.around.capacity() + self.values.capacity())
    }

    fn range(&self, at: usize) -> std::ops::Range<usize> {
        self.values[at] as usize..self.values[at + 1] as usize
    }
}

/// Prefixes of both families, each with one value or several.
#[derive(Debug)]
pub(super) struct Prefixes<T> {
    v4: Family<u32>,
    v6: Family<u128>,
    values: Vec<T>,
}

impl<T> Prefixes<T> {
    /// Sorts prefixes with their values. Equal prefixes keep their values in the order given.
    pub(super) fn new(rows: Vec<(IpNet, T)>) -> Self {
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        for (net, value) in rows {
            match canonical(net) {
                IpNet::V4(net) => v4.push((net.network().to_bits(), net.prefix_len(), value)),
                IpNet::V6(net) => v6.push((net.network().to_bits(), net.prefix_len(), value)),
            }
        }
        let mut values = Vec::with_capacity(v4.len() + v6.len());
        let (v4, v6) = (Family::new(v4, &mut values), Family::new(v6, &mut values));
        Prefixes { v4, v6, values }
    }

    /// The values of the longest prefix that holds an address and has a value that passes, with that prefix.
    pub(super) fn longest(&self, ip: IpAddr, passes: impl Fn(&T) -> bool) -> Option<(IpNet, &[T])> {
        let found = |range: std::ops::Range<usize>| Some(&self.values[range]).filter(|values| values.iter().any(&passes));
        match ip.to_canonical() {
            IpAddr::V4(ip) => {
                let at = self.v4.holding(ip.to_bits());
                at.filter_map(|at| Some((at, found(self.v4.range(at))?))).next().map(|(at, values)| {
                    let start = IpAddr::V4(self.v4.starts[at].into());
                    (net(start, self.v4.lengths[at]), values)
                })
            }
            IpAddr::V6(ip) => {
                let at = self.v6.holding(ip.to_bits());
                at.filter_map(|at| Some((at, found(self.v6.range(at))?))).next().map(|(at, values)| {
                    let start = IpAddr::V6(self.v6.starts[at].into());
                    (net(start, self.v6.lengths[at]), values)
                })
            }
        }
    }

    /// Bytes in memory, what the values own elsewhere not counted.
    pub(super) fn bytes(&self) -> usize {
        self.v4.bytes() + self.v6.bytes() + self.values.capacity() * size_of::<T>()
    }
}

/// A prefix of IPv4 addresses written as IPv6 ones is the IPv4 prefix.
pub(super) fn canonical(net: IpNet) -> IpNet {
    let IpNet::V6(v6) = net else { return net.trunc() };
    match v6.network().to_ipv4_mapped() {
        Some(v4) if v6.prefix_len() >= 96 => self::net(IpAddr::V4(v4), v6.prefix_len() - 96),
        _ => net.trunc(),
    }
}

fn net(ip: IpAddr, length: u8) -> IpNet {
    IpNet::new(ip, length).unwrap_or_else(|_| IpNet::from(ip))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The longest by looking at all.
    fn naive(rows: &[(IpNet, u32)], ip: IpAddr, passes: impl Fn(&u32) -> bool) -> Option<(u8, Vec<u32>)> {
        let holding = |length: u8| {
            let these =
                rows.iter().filter(move |(net, _)| canonical(*net).prefix_len() == length && canonical(*net).contains(&ip.to_canonical()));
            these.map(|(_, n)| *n).collect::<Vec<_>>()
        };
        (0..=128).rev().map(|length| (length, holding(length))).find(|(_, values)| values.iter().any(&passes))
    }

    fn random_ip(random: &mut fastrand::Rng) -> IpAddr {
        // Few different bits, so that prefixes nest and meet.
        let v4 = u32::from_be_bytes([10, random.u8(0..2), random.u8(..) & 0xC1, random.u8(..) & 0x83]);
        let v6 = (0x2001_0db8u128 << 96) | u128::from(random.u64(..) & 0x8000_0000_0000_0103);
        match random.u8(0..4) {
            0 | 1 => IpAddr::V4(v4.into()),
            2 => IpAddr::V6(v6.into()),
            _ => IpAddr::V6(std::net::Ipv4Addr::from(v4).to_ipv6_mapped()),
        }
    }

    fn random_net(random: &mut fastrand::Rng) -> IpNet {
        let ip = random_ip(random);
        let most = if ip.is_ipv4() { 32 } else { 128 };
        let length = match random.u8(0..6) {
            0 => 0,
            1 => most,
            _ => random.u8(0..=most),
        };
        net(ip, length)
    }

    #[test]
    fn the_longest_prefix_is_that_of_a_scan() {
        let mut random = fastrand::Rng::with_seed(11);
        let mut hits = 0;
        for _ in 0..2_000 {
            let rows: Vec<(IpNet, u32)> = (0..random.u32(0..40)).map(|n| (random_net(&mut random), n)).collect();
            let table = Prefixes::new(rows.clone());
            for _ in 0..20 {
                let (ip, least) = (random_ip(&mut random), random.u32(0..40));
                let passes = |n: &u32| *n >= least;
                let got = table.longest(ip, passes).map(|(net, values)| (net.prefix_len(), values.to_vec()));
                hits += u32::from(got.is_some());
                assert_eq!(got, naive(&rows, ip, passes), "{ip} in {rows:?}");
            }
        }
        assert!(hits > 10_000, "the cases hit: {hits}");
    }

    #[test]
    fn an_empty_table_holds_nothing() {
        let table = Prefixes::<u32>::new(Vec::new());
        assert_eq!(table.longest("10.0.0.1".parse().expect("address"), |_| true), None);
    }
}
