//! Prints how long the default synthetic organisation takes, uncompressed and compressed. Asserts nothing about time.
//!
//! `cargo test --release -p tidegate-core --test generate_speed -- --nocapture`

#[test]
#[expect(clippy::disallowed_methods, clippy::disallowed_macros, reason = "a measurement needs a clock and a place to say so")]
fn generating_the_default_organisation() {
    let plan = tidegate_core::generate::Plan::default();
    let (mut files, mut bytes, mut stored, mut gzip) = (0u64, 0, 0, std::time::Duration::ZERO);
    let start = std::time::Instant::now();
    tidegate_core::generate::organisation(&plan, &mut |file| {
        files += 1;
        bytes += file.content.len();
        let before = std::time::Instant::now();
        stored += file.stored().len();
        gzip += before.elapsed();
    });
    let all = start.elapsed();
    println!("{files} files, {bytes} bytes in {:?}, compressed to {stored} bytes in {gzip:?}", all - gzip);
    assert!(files > 0);
}
