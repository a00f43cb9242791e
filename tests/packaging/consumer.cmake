# What each consuming project does once it has the target, and what it must not have got along with it.
foreach(target IN ITEMS tour quickstart rewal_developer rewal_test_support)
  if(TARGET ${target})
    message(FATAL_ERROR "rewal brought its own target ${target} into the consumer")
  endif()
endforeach()
get_target_property(flags rewal::rewal INTERFACE_COMPILE_OPTIONS)
if(flags)
  message(FATAL_ERROR "rewal brought its own compile options into the consumer: ${flags}")
endif()

add_executable(consumer "${CMAKE_CURRENT_LIST_DIR}/consumer.cpp")
target_link_libraries(consumer PRIVATE rewal::rewal)
if(NOT MSVC)
  target_compile_options(consumer PRIVATE -Wall -Wextra -Wpedantic -Werror)
endif()

# Two files that use the default log, which is compiled for neither.
add_executable(instances_consumer "${CMAKE_CURRENT_LIST_DIR}/instances_one.cpp" "${CMAKE_CURRENT_LIST_DIR}/instances_two.cpp")
target_link_libraries(instances_consumer PRIVATE rewal::instances)
add_custom_command(TARGET instances_consumer POST_BUILD COMMAND instances_consumer)
