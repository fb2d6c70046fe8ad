//! Decisions that can be repeated.
use hyperia_test::stress::{Random, operations};

#[test]
fn the_same_seed_decides_the_same() {
    let decide = |seed| {
        let mut random = Random::new(seed);
        [(); 50].map(|()| random.below(100))
    };
    assert_eq!(decide(1), decide(1));
    assert_ne!(decide(1), decide(2));
    assert_ne!(decide(0), decide(1));
}

#[test]
fn every_choice_is_taken_about_as_often_as_the_others() {
    let mut random = Random::new(7);
    let mut taken = [0; 8];
    for _ in 0..8_000 {
        taken[random.choose(&[0, 1, 2, 3, 4, 5, 6, 7])] += 1;
    }
    assert!(
        taken.iter().all(|count| (900..1_100).contains(count)),
        "{taken:?}"
    );
    let rare = (0..8_000).filter(|_| random.one_in(8)).count();
    assert!((900..1_100).contains(&rare), "{rare}");
}

#[test]
fn without_the_variable_a_test_does_what_it_says() {
    if std::env::var_os("HYPERIA_STRESS_OPERATIONS").is_none() {
        assert_eq!(operations(3), 3);
    }
}
