//! What is refused, under which key and with which advice.

use super::*;

#[test]
fn the_store_lies_in_the_data_directory_unless_it_is_told_otherwise() {
    let data = Path::new("/data");
    assert_eq!(Database::InData.directory(data), Some("/data/store".into()));
    assert_eq!(load("database = \"mem://\"").expect("valid").database.directory(data), None);
    let config = load("database = \"surrealkv:///db\"").expect("valid");
    assert_eq!(config.database.directory(data), Some("/db".into()));
}

#[test]
fn database_servers_are_not_supported_yet() {
    for scheme in ["ws", "wss", "http", "tikv", "rocksdb"] {
        let error = refused(&format!("database = \"{scheme}://db:8000\""));
        assert!(error.starts_with(&format!("database: {scheme}:// is not supported yet")), "{error}");
    }
}

#[test]
fn a_database_url_cannot_switch_durability_off() {
    assert!(refused("database = \"surrealkv://db?sync=never\"").contains("without options"));
    assert!(refused("database = \"surrealkv://\"").contains("names no directory"));
    assert!(refused("database = \"db\"").contains("is not a database"));
}

#[test]
fn listening_elsewhere_than_on_loopback_is_refused_without_tokens() {
    for address in ["0.0.0.0:7420", "192.168.1.5:7420", "[::]:7420", "[::ffff:10.0.0.1]:7420"] {
        let error = refused(&format!("listen = \"{address}\""));
        assert!(error.starts_with("listen: ") && error.contains("tokens are not supported yet"), "{error}");
    }
    for address in ["127.0.0.1:0", "127.8.8.8:7420", "[::1]:7420"] {
        load(&format!("listen = \"{address}\"")).expect("valid");
    }
}

#[test]
fn what_is_not_built_yet_is_refused_unless_it_is_the_default() {
    for (toml, key) in [
        ("[web]\ntrusted_proxies = [\"10.0.0.1\"]", "web.trusted_proxies"),
        ("[web]\nbase_path = \"/easel\"", "web.base_path"),
        ("[web]\npublic_url = \"https://a.example\"", "web.public_url"),
    ] {
        assert_eq!(refused(toml), format!("{key}: not supported yet: leave it out"));
    }
}

#[test]
fn a_command_is_without_its_host_for_no_longer_than_others_can_wait() {
    for grace in ["999ms", "61m"] {
        assert!(refused(&format!("command_grace = \"{grace}\"")).contains(" and must be from 1s to 1h"));
    }
    load("command_grace = \"1s\"").expect("valid");
}

#[test]
fn the_log_and_the_worth_of_a_priority_have_bounds() {
    for size in ["255KiB", "257MiB", "0"] {
        let error = refused(&format!("[store]\nmax_log = \"{size}\""));
        assert!(
            error.starts_with("store.max_log: is ") && error.ends_with(" and must be from 256 KiB to 256 MiB"),
            "{error}"
        );
    }
    load("[store]\nmax_log = \"256KiB\"").expect("valid");
    assert_eq!(
        refused("[queue]\npriority_worth = 10001"),
        "queue.priority_worth: is 10001 and must be from 0 to 10000"
    );
    load("[queue]\npriority_worth = 0").expect("valid: then only turns count");
}

#[test]
fn names_are_short_and_safe_everywhere() {
    let long = "a".repeat(65);
    for name in ["", "GPU", "gpu_0", "gpu 0", "../x", "ä", long.as_str()] {
        let error = refused(&format!("[[device]]\nname = {name:?}"));
        assert!(error.starts_with("device.name: ") && error.contains("is not a name"), "{error}");
    }
    let error = refused("[backend.Forge]\ncomponent = \"builtin:forge\"\ndevice = \"gpu0\"");
    assert!(error.starts_with("backend.Forge: "), "{error}");
}

#[test]
fn two_devices_cannot_share_a_name() {
    let error = refused("[[device]]\nname = \"gpu0\"\n[[device]]\nname = \"gpu0\"");
    assert_eq!(error, "device.name: there are two devices named \"gpu0\": give each its own name");
}

#[test]
fn there_is_at_least_one_device_and_one_backend() {
    assert!(refused("device = []").starts_with("device: the list is empty"));
    assert!(refused("backend = {}").starts_with("backend: the table is empty"));
}

#[test]
fn a_backend_names_a_device_that_exists() {
    let error = refused("[backend.forge]\ncomponent = \"builtin:forge\"\ndevice = \"gpu7\"");
    assert!(error.starts_with("backend.forge.device: there is no device \"gpu7\": name gpu0, or"), "{error}");
}

const TWO: &str = "[[device]]\nname = \"gpu0\"\n[[device]]\nname = \"gpu1\"\n";

#[test]
fn a_backend_runs_on_one_device_or_on_several_each_named_once() {
    let on = |line: &str| load(&format!("{TWO}[backend.forge]\ncomponent = \"builtin:forge\"\n{line}"));
    let devices = |line: &str| on(line).unwrap().backends["forge"].devices.clone();
    assert_eq!(devices("device = \"gpu1\""), ["gpu1"]);
    assert_eq!(devices("devices = \"gpu1\""), ["gpu1"]);
    assert_eq!(devices("devices = [\"gpu1\", \"gpu0\"]"), ["gpu1", "gpu0"]);
    for (line, error) in [
        ("devices = []", "backend.forge.device: the list is empty"),
        ("devices = [\"gpu0\", \"gpu0\"]", "backend.forge.device: names \"gpu0\" twice"),
        ("devices = [\"gpu0\", \"gpu2\"]", "backend.forge.device: there is no device \"gpu2\": name one of gpu0, gpu1"),
        ("devices = 2", "backend.forge.devices: is 2 and must be a name, or a list of names"),
        ("device = \"gpu0\"\ndevices = [\"gpu1\"]", "backend.forge"),
    ] {
        let told = on(line).unwrap_err();
        assert!(told.starts_with(error), "{line}: {told}");
    }
}

#[test]
fn what_differs_on_a_device_is_checked_as_what_is_the_same_on_all() {
    let on = |table: &str| {
        let backend = "[backend.forge]\ncomponent = \"builtin:forge\"\ndevices = [\"gpu0\", \"gpu1\"]\n";
        load(&format!("{TWO}{backend}config = {{ url = \"http://a:1\", a = 1 }}\nallow_hosts = [\"a:1\"]\n{table}"))
    };
    let config =
        on("[backend.forge.on.gpu1]\nconfig = { url = \"http://b:2\" }\nallow_hosts = [\"b:2\"]\nmemory = \"1GiB\"");
    let backend = config.unwrap().backends["forge"].clone();
    let (first, second) = (backend.placed("gpu0"), backend.placed("gpu1"));
    assert_eq!(
        (first.config["url"].as_str(), first.allow_hosts, first.memory),
        (Some("http://a:1"), vec!["a:1".to_owned()], ByteSize::mib(512))
    );
    assert_eq!(
        (second.config["url"].as_str(), second.allow_hosts, second.memory),
        (Some("http://b:2"), vec!["b:2".to_owned()], ByteSize::gib(1))
    );
    assert_eq!(second.config["a"], 1, "what is not said otherwise is the same");
    let secret =
        on("[backend.forge.on.gpu1]\nsecrets = { url = { env = \"URL\" } }").unwrap().backends["forge"].placed("gpu1");
    assert_eq!(
        (secret.config.get("url"), secret.secrets.len()),
        (None, 1),
        "a secret takes the place of a plain value"
    );
    for (table, error) in [
        (
            "[backend.forge.on.gpu7]\nmemory = \"1GiB\"",
            "backend.forge.on.gpu7: backend forge runs on gpu0, gpu1, not on gpu7: add gpu7 to backend.forge.device",
        ),
        ("[backend.forge.on.gpu1]\nallow_hosts = [\"b\"]", "backend.forge.on.gpu1.allow_hosts: \"b\" is not HOST:PORT"),
        ("[backend.forge.on.gpu1]\nmemory = 0", "backend.forge.on.gpu1.memory: is 0 B and must be from 1 B to 4 GiB"),
        (
            "[backend.forge.on.gpu1]\nconfig = { k = 1 }\nsecrets = { k = { env = \"K\" } }",
            "backend.forge.on.gpu1.secrets.k: is set in",
        ),
        ("[backend.forge.on.gpu1]\ntimeout = \"1s\"", "backend.forge.on.gpu1.timeout: "),
    ] {
        let told = on(table).unwrap_err();
        assert!(told.starts_with(error), "{table}: {told}");
    }
}

#[test]
fn the_default_backend_is_one_that_is_configured() {
    let error = refused("default_backend = \"forge\"");
    assert!(error.starts_with("default_backend: there is no backend \"forge\": name flux-stub, or"), "{error}");
}

#[test]
fn a_builtin_component_is_one_that_exists() {
    let error = refused("[backend.x]\ncomponent = \"builtin:nope\"\ndevice = \"gpu0\"");
    assert!(
        error.contains("there is no builtin \"nope\": write builtin:flux-stub or builtin:forge, or the path"),
        "{error}"
    );
}

#[test]
fn allowed_hosts_are_a_host_and_a_port_and_nothing_else() {
    for host in ["http://a:1", "a", "a:0", "a:99999", ":80", "a:80/x", "a b:1", "::1:80", "a:+1"] {
        let error = refused(&with_forge(&format!("allow_hosts = [{host:?}]")));
        assert!(error.starts_with("backend.forge.allow_hosts: "), "{host}: {error}");
    }
    load(&with_forge("allow_hosts = [\"127.0.0.1:7860\", \"[::1]:80\", \"api.example.org:443\"]")).expect("valid");
}

#[test]
fn limits_of_a_backend_have_both_ends_and_are_told_with_the_value() {
    for (line, told) in [
        ("memory = 0", "memory: is 0 B and must be from 1 B to 4 GiB"),
        ("memory = \"5GiB\"", "memory: is 5 GiB and must be from 1 B to 4 GiB"),
        ("artifact_quota = 0", "artifact_quota: is 0 B and must be from 1 B to 1 EiB"),
        ("artifact_quota = \"17EiB\"", "artifact_quota: is 16.0 EiB and must be from 1 B to 1 EiB"),
        ("timeout = \"0s\"", "timeout: is 0s and must be from 1ms to 100years"),
        ("timeout = \"101y\"", "timeout: is 101years and must be from 1ms to 100years"),
        ("stall = \"0s\"", "stall: is 0s and must be"),
        ("stall = \"18446744073709551615s\"", "stall: is 584542046090years"),
        ("idle_release = \"0s\"", "idle_release: is 0s and must be"),
        ("idle_release = \"101y\"", "idle_release: is 101years and must be"),
        ("retry = { attempts = 0 }", "retry.attempts: is 0 and must be from 1 to 100"),
        ("retry = { attempts = 101 }", "retry.attempts: is 101 and must be from 1 to 100"),
        (
            "retry = { attempts = 4294967296 }",
            "retry.attempts: is 4294967296 and must be a whole number from 0 to 4294967295",
        ),
        ("retry = { base = \"3m\" }", "retry.base: is 3m and must be at most 2m, which is backend.forge.retry.max"),
        ("retry = { max = \"101y\" }", "retry.max: is 101years and must be from 0s to 100years"),
    ] {
        let error = refused(&with_forge(line));
        assert!(error.starts_with(&format!("backend.forge.{told}")), "{error}");
    }
    load(&with_forge("timeout = \"100y\"\nstall = \"100y\"\nartifact_quota = \"1EiB\"")).expect("valid");
}

#[test]
fn limits_of_the_host_have_both_ends_and_are_told_with_the_value() {
    for (toml, told) in [
        ("shutdown_grace = \"101y\"", "shutdown_grace: is 101years and must be from 0s to 100years"),
        ("[web]\nmax_params = 0", "web.max_params: is 0 B and must be from 1 B to 8 MiB"),
        ("[web]\nmax_params = \"9MiB\"", "web.max_params: is 9 MiB and must be from 1 B to 8 MiB"),
        ("[web]\nmax_params = 9223372036854775807", "web.max_params: is 8.0 EiB and must be from 1 B to 8 MiB"),
        ("[web]\nmax_upload = 0", "web.max_upload: is 0 B and must be from 1 B to 1 EiB"),
        ("[web]\nmax_upload = \"2EiB\"", "web.max_upload: is 2 EiB and must be"),
        ("[queue]\nmax_waiting = 0", "queue.max_waiting: is 0 and must be at least 1"),
        ("[queue]\nmax_waiting_per_owner = 0", "queue.max_waiting_per_owner: is 0 and must be at least 1"),
        ("[retention]\njobs = \"0s\"", "retention.jobs: is 0s and must be more"),
        ("[retention]\nmax_jobs = 0", "retention.max_jobs: is 0 and must be at least 1"),
        ("[retention]\nevents = 0", "retention.events: is 0 and must be at least 1"),
        ("[retention]\nartifacts = 0", "retention.artifacts: is 0 B and must be from 1 B to 1 EiB"),
        ("[retention]\ndisk_reserve = \"2EiB\"", "retention.disk_reserve: is 2 EiB and must be from 0 B to 1 EiB"),
    ] {
        let error = refused(toml);
        assert!(error.starts_with(told), "{error}");
    }
}

#[test]
fn what_is_kept_can_be_much_or_little() {
    let text =
        "[retention]\njobs = \"1h\"\nmax_jobs = 5\nevents = 1\nartifacts = \"1MiB\"\nkeys = \"0s\"\ndisk_reserve = 0";
    let retention = load(text).expect("valid").retention;
    assert_eq!((retention.jobs, retention.keys), (Duration::from_hours(1), Duration::ZERO));
    assert_eq!((retention.max_jobs, retention.events), (5, 1));
    assert_eq!((retention.artifacts, retention.disk_reserve), (ByteSize::mib(1), ByteSize(0)));
    load("[retention]\njobs = \"1000000y\"").expect("valid: for ever");
}

#[test]
fn hosts_and_origins_are_what_a_browser_sends() {
    assert!(refused("[web]\nhosts = [\"http://a\"]").starts_with("web.hosts: "));
    load("[web]\nhosts = [\"easel.lan\", \"easel.lan:8080\"]").expect("valid");
    for origin in ["a.example", "https://a.example/", "ftp://a", "*"] {
        assert!(refused(&format!("[web]\norigins = [{origin:?}]")).starts_with("web.origins: "), "{origin}");
    }
    load("[web]\norigins = [\"https://a.example\", \"http://localhost:5173\"]").expect("valid");
}

#[test]
fn a_secret_has_exactly_one_source_and_no_double() {
    for secret in ["{}", "{ env = \"A\", file = \"b\" }", "{ value = \"x\" }"] {
        let error = refused(&with_forge(&format!("secrets = {{ key = {secret} }}")));
        assert!(error.starts_with("backend.forge.secrets.key"), "{error}");
    }
    let error = refused(&with_forge("config = { key = 1 }\nsecrets = { key = { env = \"A\" } }"));
    assert_eq!(error, "backend.forge.secrets.key: is set in backend.forge.config as well: remove one of the two");
}

#[test]
fn a_secret_of_a_file_loses_the_line_end_that_editors_add() {
    let directory = TempDir::new().expect("a directory");
    let path = directory.path().join("secret");
    std::fs::write(&path, "a b\n").expect("a file");
    assert_eq!(Secret::File(path).read().expect("a secret"), "a b");
    let error = Secret::Env("EASEL_TEST_NO_SUCH_VARIABLE".into()).read().expect_err("is not set");
    assert_eq!(
        error.to_string(),
        "environment variable EASEL_TEST_NO_SUCH_VARIABLE is not set, or is not UTF-8: set it where the host is started"
    );
}

#[test]
fn everything_that_is_wrong_is_told_at_once() {
    let error = refused(
        "colour = \"red\"\nshutdown_grace = 5\n[web]\nhosts = [\"a b\"]\nmax_upload = \"0\"\nmax_uplaod = \"1\"\n[queue]\nmax_waiting = -1\n\
         [[device]]\nname = \"gpu0\"\ncores = 2\n[backend.forge]\ncomponent = \"builtin:forge\"\ndevice = \"gpu1\"\ntimeout = \"0s\"\n\
         allow_hosts = [\"http://h:1\", \"h:1\"]\nmemroy = \"1GiB\"\n[backend.other]\ndevice = \"gpu0\"\n",
    );
    let lines: Vec<&str> = error.lines().map(str::trim).collect();
    assert_eq!(lines[0], format!("the configuration has {} errors", lines.len() - 1), "{error}");
    for key in [
        "colour: unknown key",
        "shutdown_grace: ",
        "web.max_uplaod: unknown key",
        "queue.max_waiting: ",
        "device.0.cores: unknown key",
        "backend.forge.memroy: unknown key",
        "backend.other.component: is missing",
        "web.hosts: ",
        "web.max_upload: is 0 B and must be",
        "backend.forge.timeout: is 0s and must be",
        "backend.forge.allow_hosts: ",
        "default_backend: is missing, and there is more than one backend: set it to one of forge, other",
    ] {
        assert_eq!(lines.iter().filter(|line| line.starts_with(key)).count(), 1, "{key}: {error}");
    }
    assert!(lines[1..].iter().all(|line| line.contains(": ")), "{error}");
    let follows = lines.iter().find(|line| line.starts_with("backend.forge.device: "));
    assert_eq!(follows, None, "what follows from another error is none");
}

#[test]
fn a_default_backend_that_there_is_not_is_told_beside_what_is_wrong_with_the_others() {
    let with = |default: &str, line: &str| {
        refused(&format!("default_backend = {default:?}\n[backend.forge]\ncomponent = \"builtin:forge\"\n{line}\n"))
    };
    let there_is_none = "default_backend: there is no backend \"nobody\"";
    for line in ["device = \"gpu0\"\ntimeout = \"soon\"", "device = \"gpu0\"\ncolour = 1", "memory = \"1GiB\""] {
        let (theirs, ours) = (with("nobody", line), with("forge", line));
        assert!(theirs.contains(there_is_none) && theirs.lines().count() == 3, "{line}: {theirs}");
        assert!(!ours.contains("default_backend") && ours.lines().count() == 1, "{line}: {ours}");
    }
}

#[test]
fn this_machines_own_name_is_an_address_to_listen_on() {
    assert_eq!(load("listen = \"localhost:22002\"").expect("valid").listen.to_string(), "127.0.0.1:22002");
    for wrong in ["localhost", "localhost:x", "example.com:80", ":80"] {
        assert!(refused(&format!("listen = {wrong:?}")).contains("is not ADDRESS:PORT"), "{wrong}");
    }
}
