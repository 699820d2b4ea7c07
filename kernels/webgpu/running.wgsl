{#- Running sums or products along the middle of [outer][n][inner]: f0 folds, f1 is where to start.

An invocation makes a row; where rows lie ``together`` (inner is 1) a workgroup does, each invocation a part of it. -#}
{%- import "macros.wgsl" as m -%}
{% set number = "I" if whole else "F" %}
{% if together %}
var<workgroup> parts: array<{{ number }}, {{ group }}>;
{% endif %}
{{ m.entry(group) }}
{% if together %}
  let i = wg.y * groups.x + wg.x;
  let first = min(i, s.count - 1u) * s.n;
  let begin = min(lane * s.part, s.n);
  let end = min(begin + s.part, s.n);
  var sum = f1();
  for (var k = begin; k < end + none; k++) { sum = f0(sum, a[first + {{ "s.n - 1u - k" if reverse else "k" }}]); }
  parts[lane] = sum;
  workgroupBarrier();
  sum = f1();
  for (var k = 0u; k < lane + none; k++) { sum = f0(sum, parts[k]); }
  if (i >= s.count) { return; }
{% else %}
  let i = (wg.y * groups.x + wg.x) * {{ group }}u + lane;
  if (i >= s.count) { return; }
  let first = i / s.inner * s.n * s.inner + i % s.inner;
  let begin = 0u;
  let end = s.n;
  var sum = f1();
{% endif %}
  for (var k = begin; k < end + none; k++) {
    let at = first + ({{ "s.n - 1u - k" if reverse else "k" }}) * s.inner;
    let next = f0(sum, a[at]);
    c[at] = {{ "sum" if exclusive else "next" }};
    sum = next;
  }
}
