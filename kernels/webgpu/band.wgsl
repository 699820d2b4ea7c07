{#- Matrices [rows][columns] with zeros outside of so many diagonals below and above the main one. -#}
{%- import "macros.wgsl" as m -%}
{{ m.entry(group) }}
  let i = (wg.y * groups.x + wg.x) * {{ group }}u + lane;
  if (i >= s.count) { return; }
  let row = i / s.columns % s.rows;
  let column = i % s.columns;
  let inside = (row <= column + min(s.lower, row)) & (column <= row + min(s.upper, column));
  c[i] = select({{ zero }}(), a[i], inside);
}
