{# Slices by index: [rows][outer][length][inner] and [rows][count] indices to [rows][outer][count][inner], in words or
   bytes (`item` 1). Unless indices are `checked` already, one that is out of range ends the run, and stays at address 8
   for the plan to find, behind the length plus 1. lo..hi are the slices of the result. #}
{% import "macros.wat" as m with context %}
{% call m.for("u", "@lo", "@hi") %}
(local.set $i_block (i32.div_u @i_u #{{ count }}))
(local.set $i_index (i32.load (i32.add @indices (i32.shl (i32.add (i32.mul (i32.div_u @i_block #{{ outer }}) #{{ count }}) (i32.rem_u @i_u #{{ count }})) #2))))
{% if not checked %}
(if (i32.ge_u @i_index #{{ length }}) (then
(i32.store offset=8 #0 @i_index)
(i32.store offset=4 #0 #{{ length + 1 }})
unreachable))
{% endif %}
(local.set $i_from (i32.add @x (i32.mul (i32.add (i32.mul @i_block #{{ length }}) @i_index) #{{ item * inner }})))
(local.set $i_to (i32.add @c (i32.mul @i_u #{{ item * inner }})))
{% if item == 4 %}
{{ m.move_run("v", "to", "from", inner, L) }}
{% else %}
{% call m.repeat("v", "#%d" % inner) %}
(i32.store8 @i_to (i32.load8_u @i_from))
{{ m.bump("i_from", 1) }}
{{ m.bump("i_to", 1) }}
{% endcall %}
{% endif %}
{% endcall %}
