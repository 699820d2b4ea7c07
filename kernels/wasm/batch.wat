{# The products of a batch, each by the kernel that is part of this one. `axes` of the batch: (length, bytes from one
   matrix to the next of the first, of the second operand), 0 where an operand is broadcast. lo..hi are products. #}
{% import "macros.wat" as m with context %}
{% call m.for("u", "@lo", "@hi") %}
(local.set $i_rest @i_u)
(local.set $i_x @x)
(local.set $i_y @y)
{% for length, first, second in axes | reverse %}
(local.set $i_index (i32.rem_u @i_rest #{{ length }}))
(local.set $i_rest (i32.div_u @i_rest #{{ length }}))
(local.set $i_x (i32.add @i_x (i32.mul @i_index #{{ first }})))
(local.set $i_y (i32.add @i_y (i32.mul @i_index #{{ second }})))
{% endfor %}
(local.set $i_out (i32.mul @i_u #{{ out }}))
(call $part0 #0 #{{ units }} @scratch @i_x @i_y (i32.add @c @i_out)
{%- for kind in e.operands %} {{ "(i32.add @op%d @i_out)" % loop.index0 if kind == "full" else "@op%d" % loop.index0 }}{% endfor %})
{% endcall %}
