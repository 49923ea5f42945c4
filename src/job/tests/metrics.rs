//! `[metrics]`.

use super::*;

#[test]
fn metrics_refused() {
    let (textfile, listen) = ("textfile = \"im.prom\"", "listen = \"127.0.0.1:9187\"");
    insta::assert_snapshot!(errors_after(&[
        (textfile, "textfile = \"\""),
        (textfile, "textfile = \"im.txt\""),
        (textfile, "textfile = \".prom\""),
        (textfile, "textfile = \"im.prom/\""),
        (textfile, "textfile = \"metrics\""),
        (textfile, "textfile = \"im-{date}.prom\""),
        (textfile, "textfile = \"~/im.prom\""),
        (textfile, "textfile = \"out/dt=2026-11-22/im.prom\""),
        (textfile, "textfile = 5"),
        (textfile, "text_file = \"im.prom\""),
        (listen, "listen = \"9187\""),
        (listen, "listen = \"localhost:9187\""),
        (listen, "listen = 9187"),
        ("[metrics]", "[[metrics]]"),
    ]), @r#"
    jobs/n.toml:49: metrics.textfile: is empty; write a path that ends in .prom, such as "/var/lib/node_exporter/im_profiles.prom"
    jobs/n.toml:49: metrics.textfile: is "im.txt", which node_exporter would not read; write a path that ends in .prom, such as "/var/lib/node_exporter/im_profiles.prom"
    jobs/n.toml:49: metrics.textfile: is ".prom", which node_exporter would not read; write a path that ends in .prom, such as "/var/lib/node_exporter/im_profiles.prom"
    jobs/n.toml:49: metrics.textfile: is "im.prom/", which node_exporter would not read; write a path that ends in .prom, such as "/var/lib/node_exporter/im_profiles.prom"
    jobs/n.toml:49: metrics.textfile: is "metrics", which node_exporter would not read; write a path that ends in .prom, such as "/var/lib/node_exporter/im_profiles.prom"
    jobs/n.toml:49: metrics.textfile: contains a placeholder, but each run must find the file of the run before it, and node_exporter would keep reading the files of earlier days; write one path for all days
    jobs/n.toml:49: metrics.textfile: starts with "~", which only a shell expands; write the full path
    jobs/n.toml:49: metrics.textfile: is inside output.path, which the run replaces; write a path in another directory
    jobs/n.toml:49: metrics.textfile: is the number 5; write text in quotes
    jobs/n.toml:49: metrics.text_file: is not a known key; did you mean textfile?
    jobs/n.toml:50: metrics.listen: is "9187"; write an IP address and a port, such as "127.0.0.1:9187"
    jobs/n.toml:50: metrics.listen: is "localhost:9187"; write an IP address and a port, such as "127.0.0.1:9187"
    jobs/n.toml:50: metrics.listen: is the number 9187; write text in quotes
    jobs/n.toml:48: metrics: is a list; write [metrics] in single brackets, once
    "#);
}

#[test]
fn metrics_can_be_set_by_overrides() {
    let job = load(SHORT, &["metrics.textfile=/run/im.prom", "metrics.listen=[::1]:0"]).unwrap();
    assert_eq!(job.metrics.textfile, Some("/run/im.prom".into()));
    assert_eq!(job.metrics.listen, Some("[::1]:0".parse().unwrap()));
}
