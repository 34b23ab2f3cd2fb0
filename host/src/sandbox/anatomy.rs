//! What a component is made of, looked at before it is compiled.
//!
//! Compilation is the one thing here that cannot be interrupted, so what it costs is bounded by what goes in: it is about
//! linear in the number of functions, and worse than linear in the size of one.

use wasmparser::{
    ComponentAlias, ComponentExternalKind, ComponentInstance, ComponentOuterAliasKind, ComponentTypeRef, Encoding,
    Instance, Parser, Payload,
};

use super::limits;

/// Whether a component is small enough to be compiled. The error continues a sentence about it. What cannot be read is
/// left to the compiler, which validates all of it first and says better what is wrong.
pub(super) fn check(bytes: &[u8]) -> Result<(), String> {
    if bytes.len() > limits::COMPONENT {
        return Err(too_large());
    }
    let (mut functions, mut parts, mut nest) = (0, 0, Nest::default());
    for payload in Parser::new(0).parse_all(bytes) {
        let Ok(payload) = payload else { return Ok(()) };
        match &payload {
            Payload::CodeSectionEntry(body) => {
                functions += 1;
                let size = body.range().len();
                if size > limits::FUNCTION {
                    return Err(format!(
                        "has a function of {size} bytes; at most {} are allowed: build it with -O, or split the function",
                        limits::FUNCTION
                    ));
                }
            }
            Payload::Version { .. } => parts += 1,
            _ => {}
        }
        if functions > limits::FUNCTIONS {
            return Err(format!(
                "has more than {} functions, which is the most: leave some of it out",
                limits::FUNCTIONS
            ));
        }
        if parts > limits::PARTS {
            return Err(format!(
                "is made of more than {} modules and components, which is the most: join some",
                limits::PARTS
            ));
        }
        match nest.take(payload) {
            Ok(()) if nest.whole <= limits::EXPANDED => {}
            Ok(()) => {
                return Err(format!(
                    "makes more than {} instances of modules and components, which is the most",
                    limits::EXPANDED
                ));
            }
            Err(_) => return Ok(()),
        }
    }
    Ok(())
}

/// How many instances there are when each component is put where it is instantiated, which is what the compiler does: ten
/// components of which each is made ten times of the next are ten thousand millions, out of a few hundred bytes.
#[derive(Default)]
struct Nest {
    /// The component at hand, and those around it.
    open: Vec<Open>,
    /// Instances of the outermost one.
    whole: usize,
}

#[derive(Default)]
struct Open {
    /// A core module has nothing in it that counts.
    module: bool,
    instances: usize,
    /// Its components by their index: how many instances each is. None: of one that is only known when it runs.
    components: Vec<Option<usize>>,
}

impl Nest {
    fn take(&mut self, payload: Payload<'_>) -> wasmparser::Result<()> {
        match payload {
            Payload::Version { encoding, .. } => {
                self.open.push(Open { module: encoding == Encoding::Module, ..Open::default() });
            }
            Payload::End(_) => {
                let Some(done) = self.open.pop() else { return Ok(()) };
                match self.open.last_mut() {
                    Some(around) if !done.module => around.components.push(Some(done.instances)),
                    Some(_) => {}
                    None => self.whole = done.instances,
                }
            }
            Payload::InstanceSection(instances) => {
                for instance in instances {
                    self.count(usize::from(matches!(instance?, Instance::Instantiate { .. })));
                }
            }
            Payload::ComponentInstanceSection(instances) => {
                for instance in instances {
                    if let ComponentInstance::Instantiate { component_index, .. } = instance? {
                        // One that nobody can tell is taken for the largest.
                        let made = self.component(0, component_index).unwrap_or(limits::EXPANDED);
                        self.count(made.saturating_add(1));
                    }
                }
            }
            Payload::ComponentAliasSection(aliases) => {
                for alias in aliases {
                    match alias? {
                        ComponentAlias::Outer { kind: ComponentOuterAliasKind::Component, count, index } => {
                            let found = self.component(count as usize, index);
                            self.define(found);
                        }
                        ComponentAlias::InstanceExport { kind: ComponentExternalKind::Component, .. } => {
                            self.define(None);
                        }
                        _ => {}
                    }
                }
            }
            Payload::ComponentImportSection(imports) => {
                for import in imports {
                    if matches!(import?.ty, ComponentTypeRef::Component(_)) {
                        self.define(None);
                    }
                }
            }
            Payload::ComponentExportSection(exports) => {
                for export in exports {
                    let export = export?;
                    if export.kind == ComponentExternalKind::Component {
                        let found = self.component(0, export.index);
                        self.define(found);
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// The component with this index, in the component so many levels out.
    fn component(&self, out: usize, index: u32) -> Option<usize> {
        *self.open.iter().rev().nth(out)?.components.get(index as usize)?
    }

    fn define(&mut self, component: Option<usize>) {
        self.open.iter_mut().last().into_iter().for_each(|open| open.components.push(component));
    }

    fn count(&mut self, instances: usize) {
        let open = self.open.iter_mut().last();
        open.into_iter().for_each(|open| open.instances = open.instances.saturating_add(instances));
    }
}

/// It has more bytes than a component may.
pub(super) fn too_large() -> String {
    format!("is larger than {} MiB, which is the most: build it with -O, and strip it", limits::COMPONENT / limits::MIB)
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

    /// A component that has `width` instances of the next, `depth` times over.
    fn bomb(width: usize, depth: usize) -> String {
        let inner = if depth == 0 {
            "(core module $m) (core instance (instantiate $m))".into()
        } else {
            bomb(width, depth - 1)
        };
        format!("(component $c{depth} {inner}) {}", format!("(instance (instantiate $c{depth}))").repeat(width))
    }

    #[test]
    fn a_component_that_unfolds_to_too_many_instances_is_refused() {
        let text = refused(&format!("(component {})", bomb(10, 3)));
        assert!(text.contains("makes more than 1000 instances"), "{text}");
        assert_eq!(check(&wat::parse_str(format!("(component {})", bomb(3, 3))).unwrap()), Ok(()));
    }

    #[test]
    fn a_component_hides_no_instances_behind_other_names() {
        let many = "(instance (instantiate $many))".repeat(11);
        for around in [
            "(component $c (alias outer $top $inner (component $many)) MANY) (instance (instantiate $c))",
            "(export $many \"x\" (component $inner)) MANY",
            "(instance $i (export \"x\" (component $inner))) (alias export $i \"x\" (component $many)) MANY",
        ] {
            let inner = "(component $inner (core module $m) CORE)"
                .replace("CORE", &"(core instance (instantiate $m))".repeat(100));
            let text = refused(&format!("(component $top {inner} {})", around.replace("MANY", &many)));
            assert!(text.contains("makes more than 1000 instances"), "{text}");
        }
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
