{#- [outer][n][inner] to [outer][inner]: f0 folds, f1 finishes, f2 is where to start, f3 takes an element in.

An invocation makes a result; where what is folded lies ``together`` (inner is 1), a workgroup does. What is folded is
``whole`` numbers or floats; elements, and results, may be truth values. -#}
{%- import "macros.wgsl" as m -%}
{% macro element(at) %}f3(a[{{ at }}]{{ " != U(0u)" if takes_bool }}){% endmacro %}
{% macro result(folded) %}{{ "select(U(0u), U(1u), f1(" ~ folded ~ "))" if gives_bool else "f1(" ~ folded ~ ")" }}{% endmacro %}
{% if together %}
var<workgroup> partial: array<{{ "I" if whole else "F" }}, {{ group }}>;
{% endif %}
{{ m.entry(group) }}
{% if together %}
  let i = wg.y * groups.x + wg.x;
  let row = min(i, s.count - 1u) * s.n;
  var sum = f2();
  for (var k = lane; k < s.n + none; k += {{ group }}u) { sum = f0(sum, {{ element("row + k") }}); }
  partial[lane] = sum;
  for (var half = {{ group // 2 }}u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (lane < half) { partial[lane] = f0(partial[lane], partial[lane + half]); }
  }
  if (lane == 0u && i < s.count) { c[i] = {{ result("partial[0]") }}; }
{% else %}
  let i = (wg.y * groups.x + wg.x) * {{ group }}u + lane;
  if (i >= s.count) { return; }
  let first = i / s.inner * s.n * s.inner + i % s.inner;
  var sum = f2();
  for (var k = 0u; k < s.n + none; k++) { sum = f0(sum, {{ element("first + k * s.inner") }}); }
  c[i] = {{ result("sum") }};
{% endif %}
}
