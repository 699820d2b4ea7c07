{#- Softmax of the middle of [outer][n][inner]: f0 is the larger of two, f1 the exponential of a difference, f2 the
logarithm.

An invocation makes a row; where rows lie ``together`` (inner is 1), a workgroup does. -#}
{%- import "macros.wgsl" as m -%}
{% if together %}
var<workgroup> partial: array<f32, {{ group }}>;
{% endif %}
{% macro fold(text) %}
{% if together %}
  for (var half = {{ group // 2 }}u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (lane < half) { partial[lane] = {{ text }}; }
  }
  workgroupBarrier();
{% endif %}
{% endmacro %}
{{ m.entry(group) }}
{% if together %}
  let i = wg.y * groups.x + wg.x;
  let first = min(i, s.count - 1u) * s.n;
{% set steps = "var k = lane; k < s.n + none; k += " ~ group ~ "u" %}
{% set at = "first + k" %}
{% else %}
  let i = (wg.y * groups.x + wg.x) * {{ group }}u + lane;
  if (i >= s.count) { return; }
  let first = i / s.inner * s.n * s.inner + i % s.inner;
{% set steps = "var k = 0u; k < s.n + none; k++" %}
{% set at = "first + k * s.inner" %}
{% endif %}
  var largest = -bitcast<f32>(inf_bits);
  for ({{ steps }}) { largest = f0(largest, a[{{ at }}]); }
{% if together %}
  partial[lane] = largest;
  {{ fold("f0(partial[lane], partial[lane + half])") }}
  largest = partial[0];
  workgroupBarrier();
{% endif %}
  var sum = 0.0;
  for ({{ steps }}) { sum += f1(a[{{ at }}], largest); }
{% if together %}
  partial[lane] = sum;
  {{ fold("partial[lane] + partial[lane + half]") }}
  sum = partial[0];
{% endif %}
{% if logarithm %}
  sum = f2(sum);
{% endif %}
  if (i < s.count) {
    for ({{ steps }}) {
      c[{{ at }}] = {{ "a[" ~ at ~ "] - largest - sum" if logarithm else "f1(a[" ~ at ~ "], largest) / sum" }};
    }
  }
}
