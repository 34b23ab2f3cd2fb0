//! What a component is made of, looked at before it is compiled.
//!
//! Compilation is the one thing here that cannot be interrupted, so what it costs is bounded by what goes in: it is about
//! linear in the number of functions, and worse than linear in the size of one.

use wasmparser::{Parser, Payload};

use super::limits;

/// Whether a component is small enough to be compiled. The error continues a sentence about it. What cannot be read is
/// left to the compiler, which validates all of it first and says better what is wrong.
pub(super) fn check(bytes: &[u8]) -> Result<(), String> {
    if bytes.len() > limits::COMPONENT {
        return Err(too_large());
    }
    let (mut functions, mut parts) = (0, 0);
    for payload in Parser::new(0).parse_all(bytes) {
        match payload {
            Ok(Payload::CodeSectionEntry(body)) => {
                functions += 1;
                let size = body.range().len();
                if size > limits::FUNCTION {
                    return Err(format!(
                        "has a function of {size} bytes, and {} are allowed: build it with -O or split it",
                        limits::FUNCTION
                    ));
                }
            }
            Ok(Payload::Version { .. }) => parts += 1,
            Ok(_) => {}
            Err(_) => return Ok(()),
        }
        if functions > limits::FUNCTIONS {
            return Err(format!("has more than {} functions", limits::FUNCTIONS));
        }
        if parts > limits::PARTS {
            return Err(format!("is made of more than {} modules", limits::PARTS));
        }
    }
    Ok(())
}

/// It has more bytes than a component may.
pub(super) fn too_large() -> String {
    format!("has more than {} MiB: a component with a language's whole runtime has 40", limits::COMPONENT / limits::MIB)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> String {
        check(&wat::parse_str(text).unwrap()).unwrap_err()
    }

    #[test]
    fn a_function_that_would_take_long_to_compile_is_refused() {
        let adds = "(drop (i32.add (i32.const 1) (i32.const 2)))".repeat(limits::FUNCTION / 6 + 1);
        let text = refused(&format!("(component (core module (func {adds})))"));
        assert!(text.contains("a function of"), "{text}");
    }

    #[test]
    fn a_component_of_too_many_parts_is_refused() {
        let text = refused(&format!("(component {})", "(core module)".repeat(limits::PARTS)));
        assert!(text.contains("more than 1000 modules"), "{text}");
    }

    #[test]
    fn a_component_that_is_too_large_is_not_even_looked_at() {
        assert!(check(&vec![0; limits::COMPONENT + 1]).unwrap_err().contains("64 MiB"));
    }

    #[test]
    fn what_cannot_be_read_is_left_to_the_compiler() {
        assert_eq!(check(b"\0asm\x0d\0\x01\0\xff\xff"), Ok(()));
        assert_eq!(check(b""), Ok(()));
    }
}
