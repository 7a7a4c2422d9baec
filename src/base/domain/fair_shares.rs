//! Dividing what is not enough for all.

/// Divides `room` among those who want so much each. Whoever wants no more than an equal part gets
/// what it wants; what that leaves goes to the others, in equal parts again.
pub fn fair_shares(room: usize, wanted: &[usize]) -> Vec<usize> {
    let mut shares = vec![0; wanted.len()];
    let mut by_want: Vec<_> = shares.iter_mut().zip(wanted).collect();
    by_want.sort_by_key(|(_, wanted)| **wanted);
    let (mut room, mut others) = (room, by_want.len());
    for (share, wanted) in by_want {
        // Never of nobody: there is at least this one.
        *share = room.checked_div(others).unwrap_or_default().min(*wanted);
        room -= *share;
        others -= 1;
    }
    shares
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_wants_little_gets_it_and_the_others_share_the_rest() {
        for (room, wanted, expected) in [
            (10, vec![], vec![]),
            (10, vec![4], vec![4]),
            (10, vec![40], vec![10]),
            (10, vec![3, 4, 3], vec![3, 4, 3]),
            (10, vec![100, 1], vec![9, 1]),
            (10, vec![100, 2, 100], vec![4, 2, 4]),
            (11, vec![100, 2, 100], vec![4, 2, 5]),
            (2, vec![9, 9, 9], vec![0, 1, 1]),
            (0, vec![1, 0], vec![0, 0]),
            (127, vec![128, 128, 5, 0], vec![61, 61, 5, 0]),
        ] {
            let shares = fair_shares(room, &wanted);
            assert_eq!(shares, expected, "{room} {wanted:?}");
            assert_eq!(shares.iter().sum::<usize>(), room.min(wanted.iter().sum()));
        }
    }
}
