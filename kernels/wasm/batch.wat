{# Calls part 0, a matrix product, for each of several pairs of matrices, `a_step`, `w_step` and `c_step` bytes apart.
   lo..hi are pairs. #}
{% import "macros.wat" as m with context %}
{% call m.for("i", "@lo", "@hi") %}
(call $part0 #0 #{{ units }} @scratch (i32.add @a (i32.mul @i_i #{{ a_step }})) (i32.add @w (i32.mul @i_i #{{ w_step }}))
 (i32.add @c (i32.mul @i_i #{{ c_step }})))
{% endcall %}
