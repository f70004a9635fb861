//! Signature Version 4 as a verifier computes it, written from the documentation of AWS: what a request must have been signed with.
//! SHA-256 is that of FIPS 180-4. Nothing of it is shared with the program.

use crate::stub::Request;

/// A key.
pub(crate) struct Key {
    pub(crate) id: &'static str,
    pub(crate) secret: &'static str,
    pub(crate) token: Option<&'static str>,
}

/// Whether a request is signed with the key, for a Region and a service, over exactly its body.
pub(crate) fn verify(request: &Request, key: &Key, region: &str, service: &str) -> Result<(), String> {
    let authorization = request.header("authorization");
    let rest = authorization.strip_prefix("AWS4-HMAC-SHA256 ").ok_or(format!("not signed: {authorization}"))?;
    let part = |name: &str| {
        let found = rest.split(", ").find_map(|part| part.strip_prefix(name));
        found.ok_or(format!("no {name} in {authorization}"))
    };
    let (date, headers) = (request.header("x-amz-date"), part("SignedHeaders=")?);
    let scope = format!("{}/{region}/{service}/aws4_request", date.get(..8).unwrap_or_default());
    if part("Credential=")? != format!("{}/{scope}", key.id) {
        return Err(format!("another credential or scope than {}/{scope}: {authorization}", key.id));
    }
    let names: Vec<&str> = headers.split(';').collect();
    for needed in ["host", "x-amz-date", "x-amz-content-sha256"].into_iter().chain(key.token.map(|_| "x-amz-security-token")) {
        if !names.contains(&needed) {
            return Err(format!("{needed} is not signed: {headers}"));
        }
    }
    if key.token.is_some_and(|token| request.header("x-amz-security-token") != token) {
        return Err("another session token".to_owned());
    }
    let hash = hex(&sha256(&request.body));
    if request.header("x-amz-content-sha256") != hash {
        return Err("x-amz-content-sha256 is not that of the body".to_owned());
    }
    let wanted = signature(&canonical(request, &names, &hash), date, &scope, key.secret);
    let found = part("Signature=")?;
    if found == wanted { Ok(()) } else { Err(format!("the signature is {found}, not {wanted}")) }
}

fn canonical(request: &Request, names: &[&str], hash: &str) -> String {
    let (path, query) = request.target.split_once('?').unwrap_or((&request.target, ""));
    let mut pairs: Vec<(String, String)> = query.split('&').filter(|pair| !pair.is_empty()).map(pair).collect();
    pairs.sort();
    let query = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&");
    // Every service but S3 encodes the path that was sent once more.
    let path = path.split('/').map(encode).collect::<Vec<_>>().join("/");
    let headers: String = names.iter().map(|name| format!("{name}:{}\n", request.header(name).trim())).collect();
    format!("{}\n{path}\n{query}\n{headers}\n{}\n{hash}", request.method, names.join(";"))
}

fn pair(text: &str) -> (String, String) {
    let (name, value) = text.split_once('=').unwrap_or((text, ""));
    (encode(&decode(name)), encode(&decode(value)))
}

fn decode(text: &str) -> String {
    let (bytes, mut out, mut at) = (text.as_bytes(), Vec::new(), 0);
    while at < bytes.len() {
        let escaped = (bytes[at] == b'%').then(|| text.get(at + 1..at + 3).and_then(|hex| u8::from_str_radix(hex, 16).ok())).flatten();
        out.push(escaped.unwrap_or(bytes[at]));
        at += if escaped.is_some() { 3 } else { 1 };
    }
    String::from_utf8(out).expect("UTF-8")
}

fn encode(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

fn signature(canonical: &str, date: &str, scope: &str, secret: &str) -> String {
    let text = format!("AWS4-HMAC-SHA256\n{date}\n{scope}\n{}", hex(&sha256(canonical.as_bytes())));
    let key = scope.split('/').fold(format!("AWS4{secret}").into_bytes(), |key, part| hmac(&key, part.as_bytes()).to_vec());
    hex(&hmac(&key, text.as_bytes()))
}

fn hmac(key: &[u8], text: &[u8]) -> [u8; 32] {
    let mut block = [0u8; 64];
    let short = if key.len() > 64 { sha256(key).to_vec() } else { key.to_vec() };
    block[..short.len()].copy_from_slice(&short);
    let pad = |with: u8| block.iter().map(|byte| byte ^ with).collect::<Vec<u8>>();
    let inner = sha256(&[pad(0x36), text.to_vec()].concat());
    sha256(&[pad(0x5c), inner.to_vec()].concat())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The first 32 bits of the fractional parts of the cube roots (`root` 3) or square roots (2) of the first primes.
fn constants(count: usize, root: f64) -> Vec<u32> {
    let primes = (2u64..).filter(|n| (2..*n).take_while(|d| d * d <= *n).all(|d| n % d != 0));
    // An integer root is exact where a floating one is not: the largest x with x^root <= n * 2^(32 root).
    let exact = |n: u64| -> u32 {
        let target = u128::from(n) << (32 * root as u32);
        let (mut low, mut high) = (0u128, 1u128 << 40);
        while high - low > 1 {
            let middle = u128::midpoint(low, high);
            let power = (1..root as u32).try_fold(middle, |power, _| power.checked_mul(middle));
            if power.is_some_and(|power| power <= target) { low = middle } else { high = middle }
        }
        low as u32
    };
    primes.take(count).map(exact).collect()
}

fn sha256(message: &[u8]) -> [u8; 32] {
    let (k, mut state) = (constants(64, 3.0), constants(8, 2.0));
    let mut bytes = message.to_vec();
    bytes.push(0x80);
    bytes.resize((bytes.len() + 8).next_multiple_of(64), 0);
    let end = bytes.len() - 8;
    bytes[end..].copy_from_slice(&(message.len() as u64 * 8).to_be_bytes());
    for block in bytes.chunks(64) {
        let mut w: Vec<u32> = block.chunks(4).map(|word| u32::from_be_bytes([word[0], word[1], word[2], word[3]])).collect();
        for at in 16..64 {
            let (early, late) = (w[at - 15], w[at - 2]);
            let first = early.rotate_right(7) ^ early.rotate_right(18) ^ (early >> 3);
            let second = late.rotate_right(17) ^ late.rotate_right(19) ^ (late >> 10);
            w.push(w[at - 16].wrapping_add(first).wrapping_add(w[at - 7]).wrapping_add(second));
        }
        let mut v: Vec<u32> = state.clone();
        for at in 0..64 {
            let sum = v[4].rotate_right(6) ^ v[4].rotate_right(11) ^ v[4].rotate_right(25);
            let choice = (v[4] & v[5]) ^ (!v[4] & v[6]);
            let first = v[7].wrapping_add(sum).wrapping_add(choice).wrapping_add(k[at]).wrapping_add(w[at]);
            let sum = v[0].rotate_right(2) ^ v[0].rotate_right(13) ^ v[0].rotate_right(22);
            let majority = (v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]);
            v.rotate_right(1);
            v[4] = v[4].wrapping_add(first);
            v[0] = first.wrapping_add(sum).wrapping_add(majority);
        }
        state.iter_mut().zip(v).for_each(|(word, more)| *word = word.wrapping_add(more));
    }
    let mut out = [0; 32];
    state.iter().zip(out.chunks_mut(4)).for_each(|(word, part)| part.copy_from_slice(&word.to_be_bytes()));
    out
}

/// The vectors of FIPS 180-4, of RFC 4231, and `get-vanilla` of the suite that AWS published.
#[test]
fn the_verifier_computes_what_is_published() {
    assert_eq!(hex(&sha256(b"abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    let two_blocks = b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
    assert_eq!(hex(&sha256(two_blocks)), "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    let mac = hmac(b"Jefe", b"what do ya want for nothing?");
    assert_eq!(hex(&mac), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    let headers = "host:example.amazonaws.com\nx-amz-date:20150830T123600Z\n";
    let canonical = format!("GET\n/\n\n{headers}\nhost;x-amz-date\n{}", hex(&sha256(b"")));
    let found =
        signature(&canonical, "20150830T123600Z", "20150830/us-east-1/service/aws4_request", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY");
    assert_eq!(found, "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31");
}
