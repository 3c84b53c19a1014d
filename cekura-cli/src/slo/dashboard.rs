//! Panels → Grafana's JSON. Invariant: an exemplar of a panel leads to the traces of the data source that Prometheus is joined to.

use super::objectives::Objective;
use super::panels::{Kind, Panel, ROWS};
use super::target::Target;
use serde_json::{Value, json};

/// Of Grafana's grid.
const WIDTH: usize = 24;
const HEIGHT: usize = 8;

pub(super) fn write(objectives: &[Objective], target: Target) -> String {
    let (mut panels, mut y) = (Vec::new(), 0);
    for row in ROWS {
        panels.push(json!({
            "id": panels.len() + 1,
            "type": "row",
            "title": row.title,
            "collapsed": false,
            "gridPos": {"x": 0, "y": y, "w": WIDTH, "h": 1},
            "panels": [],
        }));
        y += 1;
        // At most three beside each other, and none alone in its line if that can be.
        let columns = if row.panels.len() % 3 == 0 { 3 } else { 2 };
        let width = WIDTH / columns;
        for (at, panel) in row.panels.iter().enumerate() {
            let place =
                json!({"x": at % columns * width, "y": y + at / columns * HEIGHT, "w": width, "h": HEIGHT});
            panels.push(drawn(panel, panels.len() + 1, &place, target));
        }
        y += row.panels.len().div_ceil(columns) * HEIGHT;
    }
    let promised =
        objectives.iter().map(|objective| format!("{} %: {}", objective.percent(), objective.title));
    let dashboard = json!({
        "uid": "cekura-voice-agent",
        "title": "Voice agent",
        "description": promised.collect::<Vec<_>>().join(". "),
        "tags": ["cekura", "voice"],
        "schemaVersion": 42,
        "editable": true,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "timezone": "browser",
        "templating": {"list": variables()},
        "panels": panels,
    });
    format!("{dashboard:#}\n")
}

fn source() -> Value {
    json!({"type": "prometheus", "uid": "${datasource}"})
}

fn variables() -> Value {
    json!([
        {"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus"},
        {
            "name": "job",
            "label": "Agent",
            "type": "query",
            "datasource": source(),
            "query": {"query": "label_values(cekura_queue_bytes, job)", "refId": "job"},
            "refresh": 2,
            "multi": true,
            "includeAll": true,
            "allValue": ".*",
            "current": {"text": "All", "value": "$__all"},
        },
    ])
}

fn drawn(panel: &Panel, id: usize, place: &Value, target: Target) -> Value {
    let said = |text: &str| text.replace("LATENCY", &target.bound());
    let format = if panel.kind == Kind::Heatmap { "heatmap" } else { "time_series" };
    let targets = panel.queries.iter().zip('A'..).map(|((query, legend), name)| {
        json!({
            "refId": name,
            "datasource": source(),
            "expr": said(query),
            "legendFormat": legend,
            "format": format,
            "range": panel.kind != Kind::Number,
            "instant": panel.kind == Kind::Number,
            "exemplar": query.contains("_bucket"),
        })
    });
    let (kind, options) = match panel.kind {
        Kind::Heatmap => ("heatmap", heatmap()),
        Kind::Lines => (
            "timeseries",
            json!({
                "legend": {"calcs": [], "displayMode": "list", "placement": "bottom", "showLegend": true},
                "tooltip": {"mode": "multi", "sort": "desc"},
            }),
        ),
        Kind::Number => (
            "stat",
            json!({
                "colorMode": "value",
                "graphMode": "none",
                "justifyMode": "auto",
                "orientation": "auto",
                "percentChangeColorMode": "standard",
                "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": false},
                "showPercentChange": false,
                "textMode": "auto",
                "wideLayout": true,
            }),
        ),
    };
    json!({
        "id": id,
        "type": kind,
        "title": said(panel.title),
        "description": panel.about,
        "datasource": source(),
        "gridPos": place,
        "fieldConfig": {"defaults": {"unit": panel.unit}, "overrides": []},
        "options": options,
        "targets": targets.collect::<Vec<_>>(),
    })
}

fn heatmap() -> Value {
    json!({
        "calculate": false,
        "cellGap": 1,
        "cellValues": {},
        "color": {
            "mode": "scheme", "scheme": "Oranges", "steps": 64, "exponent": 0.5, "fill": "dark-orange", "reverse": false
        },
        "exemplars": {"color": "rgba(255,0,255,0.7)"},
        "filterValues": {"le": 1e-9},
        "legend": {"show": true},
        "rowsFrame": {"layout": "auto"},
        "showValue": "never",
        "tooltip": {"mode": "single", "showColorScale": false, "yHistogram": false},
        "yAxis": {"axisPlacement": "left", "unit": "s"},
    })
}
