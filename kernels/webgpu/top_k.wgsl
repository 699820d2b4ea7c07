{#- The k largest of each row of n, and where they stand: an invocation counts what comes before its element. -#}
{%- import "macros.wgsl" as m -%}
fn better(x: {{ element }}, y: {{ element }}) -> bool {
  return {{ "!is_nan(y) & ((x > y) | is_nan(x))" if element == "f32" else "x > y" }};
}
{{ m.entry(group) }}
  let i = (wg.y * groups.x + wg.x) * {{ group }}u + lane;
  if (i >= s.count) { return; }
  let row = i / s.n * s.n;
  let own = a[i];
  var rank = 0u;
  for (var j = row; j < row + s.n + none; j++) {
    let v = a[j];
    rank += select(0u, 1u, better(v, own) | ((j < i) & !better(own, v)));
  }
  if (rank < s.k) {
    let at = i / s.n * s.k + rank;
    values[at] = own;
    places[at] = i32(i - row);
  }
}
