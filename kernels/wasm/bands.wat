{# A convolution as a matrix product over patches, a band of output rows at a time: part 0 lays the patches of a band out
   (im2col.wat), part 1 multiplies them. Scratch: that of part 0, that of part 1, the patches.
   lo..hi are bands. #}
{% import "macros.wat" as m with context %}
(local.set $i_product (i32.add @scratch #{{ product }}))
(local.set $i_patches (i32.add @scratch #{{ patches }}))
{% call m.for("b", "@lo", "@hi") %}
(local.set $i_row (i32.mul @i_b #{{ rows }}))
(local.set $i_at (i32.mul @i_row #{{ row_out }}))
(call $part0 #0 #{{ channels }} @scratch @x @table @i_patches @i_row)
(call $part1 #0 #{{ units }} @i_product @i_patches @w (i32.add @c @i_at)
{% for kind in kinds %}
 {{ "@op%d" % loop.index0 if kind == "channel" else "(i32.add @op%d @i_at)" % loop.index0 }}
{% endfor %}
)
{% endcall %}
