{#- c[m][n] = sum over k of a[m][k] * w[k][n], for each matrix of a batch (z).

An invocation holds ``rows`` rows of ``columns`` vectors. Workgroups that follow each other compute the same rows, so that
whole lines of the output are written together. ``staged`` ones copy ``depth`` vectors of each row, and the weights that
belong to them, to workgroup memory, where all invocations read them. In ``deep`` ones every ``slices``-th step of k is an
invocation's own, and the first of them add up what all have found. -#}
{%- import "macros.wgsl" as m -%}
{% set high, wide, slices = rows * side, columns * side, group // side %}
{% if form == "staged" %}
var<workgroup> rows_of_a: array<F, {{ high * depth }}>;
var<workgroup> rows_of_w: array<F, {{ 4 * depth * wide }}>;
{% endif %}
{% if form == "deep" %}
var<workgroup> parts: array<F, {{ group * rows * columns }}>;
{% endif %}
{{ m.entry(group, form == "broadcast") }}
{{ m.tile(form, rows, columns, group, side) }}
  let batch = wg.z * s.a_batch;
{% if form == "staged" %}
  for (var k = 0u; k < s.k4 + none; k += {{ depth }}u) {
{% for i in range(0, high * depth, group) %}
    { let at = {{ i }}u + lane;
      let row = min(wg.y * {{ high }}u + at / {{ depth }}u, s.m - 1u);
      let deep = k + at % {{ depth }}u;
      {% if high * depth - i < group %}if (at < {{ high * depth }}u){% endif %}
      { rows_of_a[at] = select(F(), a[batch + row * s.k4 + min(deep, s.k4 - 1u)], deep < s.k4); } }
{% endfor %}
{% for i in range(0, 4 * depth * wide, group) %}
    { let at = {{ i }}u + lane;
      let deep = 4u * k + at / {{ wide }}u;
      let column = min(wg.x * {{ wide }}u + at % {{ wide }}u, s.n4 - 1u) - wg.x * {{ wide }}u;
      {% if 4 * depth * wide - i < group %}if (at < {{ 4 * depth * wide }}u){% endif %}
      { rows_of_w[at] = select(F(), w[panel + min(deep, 4u * s.k4 - 1u) * s.w_k + column], deep < 4u * s.k4); } }
{% endfor %}
    workgroupBarrier();
    for (var deep = 0u; deep < {{ depth }}u; deep++) {
{% for i in range(rows) %}
      let x{{ i }} = rows_of_a[(lane / {{ side }}u + {{ i * side }}u) * {{ depth }}u + deep];
{% endfor %}
{% for part in "xyzw" %}
{% for j in range(columns) %}
      { let y = rows_of_w[(4u * deep + {{ "xyzw".index(part) }}u) * {{ wide }}u + {{ j * side }}u + lane % {{ side }}u];
{% for i in range(rows) %}
        sum{{ i }}_{{ j }} += x{{ i }}.{{ part }} * y;
{% endfor %}
      }
{% endfor %}
{% endfor %}
    }
    workgroupBarrier();
  }
{% else %}
{% for i in range(rows) %}
  let a{{ i }} = batch + min(row{{ i }}, s.m - 1u) * s.k4;
{% endfor %}
{% if form == "broadcast" %}
{{ m.places(4, columns) }}
{% endif %}
{% if form == "deep" %}
  panel += 4u * s.w_k * (lane / {{ side }}u);
  for (var k = lane / {{ side }}u; k < s.k4 + none; k += {{ slices }}u) {
{% else %}
  for (var k = 0u; k < s.k4 + none; k++) {
{% endif %}
{% for i in range(rows) %}
    let x{{ i }} = a[a{{ i }} + k];
{% endfor %}
{% if form == "broadcast" %}
    {{ m.take(4, columns) }}
{% endif %}
{% for part in "xyzw" %}
{% set r = loop.index0 %}
{% for j in range(columns) %}
    { let y = {{ m.broadcast(r, j, columns) if form == "broadcast" else "w[panel + shown" ~ j ~ "]" }};
{% for i in range(rows) %}
      sum{{ i }}_{{ j }} += x{{ i }}.{{ part }} * y;
{% endfor %}
    }
{% endfor %}
{% if form != "broadcast" %}
    panel += s.w_k;
{% endif %}
{% endfor %}
{% if form == "deep" %}
    panel += {{ 4 * (slices - 1) }}u * s.w_k;
{% endif %}
  }
{% endif %}
{% if form == "deep" %}
{% for i in range(rows) %}{% for j in range(columns) %}
  parts[{{ (i * columns + j) * group }}u + lane] = sum{{ i }}_{{ j }};
{% endfor %}{% endfor %}
  workgroupBarrier();
  if (lane >= {{ side }}u) { return; }
  for (var slice = 1u; slice < {{ slices }}u; slice++) {
{% for i in range(rows) %}{% for j in range(columns) %}
    sum{{ i }}_{{ j }} += parts[{{ (i * columns + j) * group }}u + slice * {{ side }}u + lane];
{% endfor %}{% endfor %}
  }
{% endif %}
{{ m.store_tile(form, rows, columns, kinds, whole) }}
}
