{# A convolution by Winograd's scheme, some rows of tiles at a time: part 0 transforms the inputs, part 1 multiplies,
   part 2 transforms the sums. The last rows end with the image, so some tiles may be computed twice.
   Scratch: that of the parts, transformed inputs, sums. lo..hi are chunks of rows of tiles. #}
{% import "macros.wat" as m with context %}
(local.set $i_v (i32.add @scratch #{{ v }}))
(local.set $i_sums (i32.add @scratch #{{ sums }}))
{% call m.for("b", "@lo", "@hi") %}
(local.set $i_row (i32.mul @i_b #{{ rows }}))
(if (i32.gt_u @i_row #{{ last }}) (then (local.set $i_row #{{ last }})))
(call $part0 #0 #{{ channels }} @scratch @x @table @i_v @i_row)
(call $part1 #0 #{{ products }} @scratch @i_v @w @i_sums)
(call $part2 #0 #{{ outputs }} @scratch @i_sums @c{% for p in e %} @{{ p }}{% endfor %} @i_row)
{% endcall %}
