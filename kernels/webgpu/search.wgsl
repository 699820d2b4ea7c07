{#- Where a value could be put in its sorted row of n: behind all that is ``before`` it. NaN comes last. -#}
{%- import "macros.wgsl" as m -%}
fn less(x: {{ element }}, y: {{ element }}) -> bool {
  return {{ "!is_nan(x) & ((x < y) | is_nan(y))" if element == "f32" else "x < y" }};
}
{{ m.entry(group) }}
  let i = (wg.y * groups.x + wg.x) * {{ group }}u + lane;
  if (i >= s.count) { return; }
  let row = i / s.columns * s.n;
  let value = values[i];
  var low = 0u;
  var high = s.n;
  while (low < high) {
    let middle = (low + high) / 2u;
    if ({{ "!less(value, a[row + middle])" if upper else "less(a[row + middle], value)" }}) {
      low = middle + 1u;
    } else {
      high = middle;
    }
  }
  c[i] = i32(low);
}
