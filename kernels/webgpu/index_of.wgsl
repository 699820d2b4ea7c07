{#- Where the ``better`` (> or <) of the middle of [outer][n][inner] stands; the first of equals wins. A NaN is never better, nor exceeded
where it is the first.

An invocation makes a result; where rows lie ``together`` (inner is 1), a workgroup does. -#}
{%- import "macros.wgsl" as m -%}
{% if together %}
var<workgroup> values: array<{{ element }}, {{ group }}>;
var<workgroup> places: array<u32, {{ group }}>;
{% endif %}
fn better(x: {{ element }}, y: {{ element }}) -> bool {
{% if element == "f32" %}
  return !is_nan(x) & !is_nan(y) & (x {{ sign }} y);
{% else %}
  return x {{ sign }} y;
{% endif %}
}
{{ m.entry(group) }}
{% if together %}
  let i = wg.y * groups.x + wg.x;
  let first = min(i, s.count - 1u) * s.n;
  // Who has no element of the row begins with the first one, which is no better than itself.
  var best = a[first];
  var place = 0u;
  for (var k = lane; k < s.n + none; k += {{ group }}u) {
    let v = a[first + k];
    if (better(v, best)) { best = v; place = k; }
  }
  values[lane] = best;
  places[lane] = place;
  for (var half = {{ group // 2 }}u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (lane < half) {
      let v = values[lane + half];
      let other = places[lane + half];
      if (better(v, values[lane]) | (!better(values[lane], v) & (other < places[lane]))) {
        values[lane] = v;
        places[lane] = other;
      }
    }
  }
  if (lane == 0u && i < s.count) { c[i] = i32(places[0]); }
{% else %}
  let i = (wg.y * groups.x + wg.x) * {{ group }}u + lane;
  if (i >= s.count) { return; }
  let first = i / s.inner * s.n * s.inner + i % s.inner;
  var best = a[first];
  var place = 0u;
  for (var k = 1u; k < s.n + none; k++) {
    let v = a[first + k * s.inner];
    if (better(v, best)) { best = v; place = k; }
  }
  c[i] = i32(place);
{% endif %}
}
